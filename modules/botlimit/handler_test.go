package botlimit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// fakeApp is the part of the botgate app that the handler needs.
type fakeApp struct {
	// Pipe is a key of pipes; empty for none.
	Pipe string `json:"pipe,omitempty"`
}

var pipes sync.Map

func init() { caddy.RegisterModule(&fakeApp{}) }

func (*fakeApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "botgate", New: func() caddy.Module { return new(fakeApp) }}
}

func (a *fakeApp) Start() error { return nil }
func (a *fakeApp) Stop() error  { return nil }

func (a *fakeApp) RedisPipe() *redisclient.Pipe {
	pipe, ok := pipes.Load(a.Pipe)
	if !ok {
		return nil
	}
	return pipe.(*redisclient.Pipe)
}

// provisioning guards what Caddy changes of its process while it provisions.
var provisioning sync.Mutex

// load provisions a handler as a configuration would, over Redis when there is a URL. The
// returned function unloads it.
func load(t testing.TB, redisURL string, config Handler) (h *Handler, unload func()) {
	t.Helper()
	app := new(fakeApp)
	if redisURL != "" {
		app.Pipe = uuid.NewString()
		client, err := redisclient.Open(redisURL)
		require.NoError(t, err)
		pipe := redisclient.NewPipe(client)
		t.Cleanup(func() { require.NoError(t, pipe.Close()) })
		pipes.Store(app.Pipe, pipe)
	}
	rawApp, err := json.Marshal(app)
	require.NoError(t, err)
	if config.Budget == 0 {
		// A generous budget: most of these tests are not about a slow machine.
		config.Budget = caddy.Duration(20 * time.Second)
	}
	raw, err := json.Marshal(config)
	require.NoError(t, err)

	provisioning.Lock()
	defer provisioning.Unlock()
	whole, err := caddy.ProvisionContext(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		AppsRaw: caddy.ModuleMap{"botgate": rawApp},
	})
	require.NoError(t, err)
	ctx, unload := caddy.NewContext(whole)
	loaded, err := ctx.LoadModuleByID("http.handlers.bot_rate_limit", raw)
	require.NoError(t, err)
	return loaded.(*Handler), unload
}

// serving loads a handler for the length of the test.
func serving(t testing.TB, redisURL string, config Handler) *Handler {
	t.Helper()
	h, unload := load(t, redisURL, config)
	t.Cleanup(unload)
	return h
}

// zone returns a zone of its own that allows n requests and then no more for an hour.
func zone(n int, key string) Zone {
	return Zone{Name: uuid.NewString(), Key: key, Rate: Rate{1, time.Hour}, Burst: n}
}

// caller is who sends a request.
type caller struct {
	address string
	// placeholders are what handlers before this one left.
	placeholders map[string]string
	// batch are the users of a platform's events.
	batch []string
	// inside runs when the request has passed.
	inside func(r *http.Request)
}

var somebody = caller{address: "192.0.2.1"}

func user(name string) caller {
	return caller{address: "192.0.2.1", placeholders: map[string]string{"http.auth.user.id": name}}
}

// send lets the handler decide about a request.
func send(t testing.TB, h *Handler, c caller) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr = c.address + ":4711"
	if strings.Contains(c.address, ":") {
		r.RemoteAddr = "[" + c.address + "]:4711"
	}
	r.Header.Set("X-Forwarded-For", uuid.NewString())
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, &caddyhttp.Server{})
	for name, value := range c.placeholders {
		repl.Set(name, value)
	}
	c.deliver(r)
	require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		if c.inside != nil {
			c.inside(r)
		}
		w.WriteHeader(http.StatusAccepted)
		return nil
	})))
	return w
}

func TestLimitsInBothBackends(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"memory": "", "redis": testsvc.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := zone(2, "")
			h := serving(t, url, Handler{Zones: []Zone{z}})
			first := send(t, h, somebody)
			require.Equal(t, http.StatusAccepted, first.Code)
			require.Equal(t, `"`+z.Name+`";q=2;w=7200`, first.Header().Get("RateLimit-Policy"))
			require.Equal(t, `"`+z.Name+`";r=1;t=3600`, first.Header().Get("RateLimit"))
			require.Empty(t, first.Header().Get("X-RateLimit-Limit"))
			require.Equal(t, http.StatusAccepted, send(t, h, somebody).Code)
			require.Equal(t, http.StatusAccepted, send(t, h, caller{address: "192.0.2.2"}).Code, "another address")
			requireRefused(t, send(t, h, somebody), z.Name)
			requireRefused(t, send(t, h, somebody), z.Name)
		})
	}
}

func requireRefused(t *testing.T, w *httptest.ResponseRecorder, zone string) {
	t.Helper()
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
	require.Regexp(t, `^3[56]\d\d$`, w.Header().Get("Retry-After"))
	require.Regexp(t, `^"`+zone+`";r=0;t=7[12]\d\d$`, w.Header().Get("RateLimit"))
	require.JSONEq(t, `{"type": "urn:botgate:problem:rate-limited", "title": "There were too many requests.", "status": 429,
		"detail": "The limit \"`+zone+`\" is 1/h. Retry-After says when to come back."}`, w.Body.String())
}

func TestAllZonesOrNone(t *testing.T) {
	t.Parallel()
	one, address := zone(1, "{http.auth.user.id}"), zone(2, "")
	h := serving(t, "", Handler{Zones: []Zone{one, address}, LegacyHeaders: true})
	w := send(t, h, user("ada"))
	require.Equal(t, []string{`"` + one.Name + `";r=0;t=3600`, `"` + address.Name + `";r=1;t=3600`}, w.Header().Values("RateLimit"))
	require.Equal(t, `"`+one.Name+`";q=1;w=3600, "`+address.Name+`";q=2;w=7200`, w.Header().Get("RateLimit-Policy"))
	requireLegacy(t, w, "1", "0", "3600")
	w = send(t, h, user("ada"))
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Contains(t, w.Body.String(), one.Name)
	require.Equal(t, http.StatusAccepted, send(t, h, user("bob")).Code, "the refused request did not count for the address")
	w = send(t, h, user("cyd"))
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Contains(t, w.Body.String(), address.Name)
	requireLegacy(t, w, "2", "0", "7200")
}

func requireLegacy(t *testing.T, w *httptest.ResponseRecorder, limit, remaining, reset string) {
	t.Helper()
	for name, want := range map[string]string{"Limit": limit, "Remaining": remaining, "Reset": reset} {
		require.Equal(t, want, w.Header().Get("X-RateLimit-"+name), name)
	}
}

func TestEmptyKeysCountTogether(t *testing.T) {
	t.Parallel()
	h := serving(t, "", Handler{Zones: []Zone{zone(1, "{http.auth.user.id}")}})
	require.Equal(t, http.StatusAccepted, send(t, h, somebody).Code)
	require.Equal(t, http.StatusTooManyRequests, send(t, h, caller{address: "192.0.2.2"}).Code)
	require.Equal(t, http.StatusAccepted, send(t, h, user("ada")).Code)
}

func TestIPv6NetworksCountTogether(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"alone": "", "in a longer key": "a {http.vars.client_ip} b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := serving(t, "", Handler{Zones: []Zone{zone(1, key)}})
			require.Equal(t, http.StatusAccepted, send(t, h, caller{address: "2001:db8:0:1::1"}).Code)
			require.Equal(t, http.StatusTooManyRequests, send(t, h, caller{address: "2001:db8:0:1:ffff::2"}).Code)
			require.Equal(t, http.StatusAccepted, send(t, h, caller{address: "2001:db8:0:2::1"}).Code)
		})
	}
	h := serving(t, "", Handler{Zones: []Zone{zone(1, "")}, IPv6Prefix: 128})
	require.Equal(t, http.StatusAccepted, send(t, h, caller{address: "2001:db8:0:1::1"}).Code)
	require.Equal(t, http.StatusAccepted, send(t, h, caller{address: "2001:db8:0:1::2"}).Code)
}

func TestPlans(t *testing.T) {
	t.Parallel()
	z := zone(1, "{http.auth.user.id}")
	z.Plan = "{http.auth.user.plan}"
	z.Plans = map[string]Plan{"pro": {Rate: Rate{3, time.Hour}}, "max": {Rate: Rate{1, time.Hour}, Burst: 5}}
	h := serving(t, "", Handler{Zones: []Zone{z}})
	for plan, want := range map[string]int{"pro": 3, "max": 5, "unknown": 1, "": 1} {
		c := user("user of " + plan)
		c.placeholders["http.auth.user.plan"] = plan
		for range want {
			require.Equal(t, http.StatusAccepted, send(t, h, c).Code, plan)
		}
		w := send(t, h, c)
		require.Equal(t, http.StatusTooManyRequests, w.Code, plan)
		if plan == "pro" {
			require.Contains(t, w.Body.String(), "3/h")
		}
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	z := zone(5, "{http.auth.user.id}")
	z.Cost = "{cost}"
	h := serving(t, "", Handler{Zones: []Zone{z}})
	for cost, remaining := range map[string]string{"2": "r=3", "5": "r=0", "100": "r=0", "1000001": "r=0", "99999999999999999999": "r=0", "": "r=4", "-99999999999999999999": "r=4", "1.5": "r=4", "-1": "r=4", "two": "r=4"} {
		c := user("pays " + cost)
		c.placeholders["cost"] = cost
		require.Contains(t, send(t, h, c).Header().Get("RateLimit"), remaining, "cost %q", cost)
	}
	free := user("pays nothing")
	free.placeholders["cost"] = "0"
	for range 10 {
		require.Equal(t, http.StatusAccepted, send(t, h, free).Code)
	}
}

func TestExempt(t *testing.T) {
	t.Parallel()
	address, name := zone(1, ""), zone(1, "{http.auth.user.id}")
	address.Exempt = []string{"10.0.0.0/8", "2001:db8::/32", "2001:DBA:0::1", "198.51.100.1", "::ffff:203.0.113.0/120"}
	name.Exempt = []string{"root", "svc/a"}
	h := serving(t, "", Handler{Zones: []Zone{address}})
	for _, from := range []string{"10.1.2.3", "2001:db8::7", "2001:dba::1", "198.51.100.1", "::ffff:198.51.100.1", "203.0.113.9"} {
		for range 3 {
			require.Equal(t, http.StatusAccepted, send(t, h, caller{address: from}).Code)
		}
	}
	for _, from := range []string{"192.0.2.1", "2001:dba::2"} {
		require.Equal(t, http.StatusAccepted, send(t, h, caller{address: from}).Code)
		require.Equal(t, http.StatusTooManyRequests, send(t, h, caller{address: from}).Code)
	}
	h = serving(t, "", Handler{Zones: []Zone{name}})
	for range 3 {
		require.Equal(t, http.StatusAccepted, send(t, h, user("root")).Code)
		require.Equal(t, http.StatusAccepted, send(t, h, user("svc/a")).Code)
	}
	require.Equal(t, http.StatusAccepted, send(t, h, user("toor")).Code)
	require.Equal(t, http.StatusTooManyRequests, send(t, h, user("toor")).Code)
}

func TestMaxInFlight(t *testing.T) {
	t.Parallel()
	z := Zone{Name: uuid.NewString(), Key: "{http.auth.user.id}", MaxInFlight: 2}
	h := serving(t, "", Handler{Zones: []Zone{z}})
	depth := 0
	ada := user("ada")
	ada.inside = func(*http.Request) {
		if depth++; depth < 2 {
			require.Equal(t, http.StatusAccepted, send(t, h, ada).Code)
			return
		}
		w := send(t, h, ada)
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), "2 requests at once")
		require.Equal(t, http.StatusAccepted, send(t, h, user("bob")).Code)
	}
	require.Equal(t, http.StatusAccepted, send(t, h, ada).Code)
	require.Equal(t, 2, depth)
	depth = 1
	require.Equal(t, http.StatusAccepted, send(t, h, user("ada")).Code, "what ended makes room")
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	z := zone(1, "")
	h := serving(t, "", Handler{Zones: []Zone{z}, DryRun: true})
	for range 3 {
		w := send(t, h, somebody)
		require.Equal(t, http.StatusAccepted, w.Code)
		require.Empty(t, w.Header().Get("RateLimit"))
	}
	require.Equal(t, 2, decisions(z, "would_refuse"))
	require.Equal(t, 0, decisions(z, "refused"))
}

func decisions(z Zone, outcome string) int {
	return int(testutil.ToFloat64(decisionsTotal.WithLabelValues(z.Name, outcome)))
}

func TestRedisUnreachable(t *testing.T) {
	t.Parallel()
	const nowhere = "redis://127.0.0.1:1"
	z := zone(4, "")
	for config, passes := range map[*Handler]int{
		{}:                          4,
		{LocalShare: 0.5}:           2,
		{OnStoreError: limit.Allow}: 6,
		{OnStoreError: limit.Deny}:  0,
	} {
		config.Zones, config.Budget = []Zone{z}, caddy.Duration(200*time.Millisecond)
		h := serving(t, nowhere, *config)
		for i := range 6 {
			w := send(t, h, somebody)
			switch {
			case i < passes:
				require.Equal(t, http.StatusAccepted, w.Code)
			case config.OnStoreError == limit.Deny:
				require.Equal(t, http.StatusServiceUnavailable, w.Code)
				require.Equal(t, "1", w.Header().Get("Retry-After"))
			default:
				require.Equal(t, http.StatusTooManyRequests, w.Code)
			}
		}
	}
	require.Positive(t, testutil.ToFloat64(degradedTotal.WithLabelValues(z.Name)))
}

// TestReloadShowsTheNewRedis finds that the end of a configuration does not hide that
// the Redis of the next one is unavailable.
func TestReloadShowsTheNewRedis(t *testing.T) {
	t.Parallel()
	config := Handler{Zones: []Zone{zone(100, "")}, Budget: caddy.Duration(200 * time.Millisecond)}
	before, unloadOld := load(t, "redis://127.0.0.1:1", config)
	send(t, before, somebody)
	after, unloadNew := load(t, "redis://127.0.0.1:1", config)
	defer unloadNew()
	send(t, after, somebody)
	unloadOld()
	require.Positive(t, testutil.ToFloat64(degradedState))
}

func TestReloadKeepsCounts(t *testing.T) {
	t.Parallel()
	config := Handler{Zones: []Zone{zone(1, "")}}
	before, unloadOld := load(t, "", config)
	require.Equal(t, http.StatusAccepted, send(t, before, somebody).Code)
	after, unloadNew := load(t, "", config)
	defer unloadNew()
	unloadOld()
	require.Equal(t, http.StatusTooManyRequests, send(t, after, somebody).Code)
}

func TestRedisHoldsNoKeyOfAnybody(t *testing.T) {
	t.Parallel()
	url := testsvc.Redis(t)
	z := zone(2, "{http.auth.user.id}")
	h := serving(t, url, Handler{Zones: []Zone{z}})
	require.Equal(t, http.StatusAccepted, send(t, h, user("ada@example.org")).Code)
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	keys, err := client.Keys(t.Context(), "*"+z.Name+"*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.Regexp(t, `^rate:\{botgate\}`+z.Name+`:[A-Za-z0-9_-]{22}$`, keys[0])
}

func TestDecisionsAreCounted(t *testing.T) {
	t.Parallel()
	z := zone(1, "")
	h := serving(t, "", Handler{Zones: []Zone{z}})
	for range 3 {
		send(t, h, somebody)
	}
	require.Equal(t, []int{1, 2}, []int{decisions(z, "allowed"), decisions(z, "refused")})
}

func TestCleanupOfHalfAHandler(t *testing.T) {
	t.Parallel()
	h := new(Handler)
	require.NoError(t, h.Cleanup())
	loaded, unload := load(t, "", Handler{Zones: []Zone{zone(1, "")}})
	unload()
	require.NoError(t, loaded.Cleanup(), "a second time")
}
