package botlimit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	dto "github.com/prometheus/client_model/go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
	"github.com/botgate/botgate/modules/internal/problem"
)

// fakeApp is the part of the botgate app that the handler needs.
type fakeApp struct {
	// Client is a key of clients; empty for none.
	Client string `json:"client,omitempty"`
}

var clients sync.Map

func init() { caddy.RegisterModule(&fakeApp{}) }

func (*fakeApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "botgate", New: func() caddy.Module { return new(fakeApp) }}
}

func (a *fakeApp) Start() error { return nil }
func (a *fakeApp) Stop() error  { return nil }

func (a *fakeApp) Redis() redis.UniversalClient {
	client, ok := clients.Load(a.Client)
	if !ok {
		return nil
	}
	return client.(redis.UniversalClient)
}

// provisioning guards what Caddy changes of its process while it provisions.
var provisioning sync.Mutex

// load provisions a handler as a configuration would, over Redis when there is a URL.
// The returned function unloads it.
func load(t testing.TB, redisURL string, zones ...Zone) (h *Handler, unload func()) {
	t.Helper()
	app := new(fakeApp)
	if redisURL != "" {
		app.Client = uuid.NewString()
		clients.Store(app.Client, openRedis(t, redisURL))
	}
	rawApp, err := json.Marshal(app)
	require.NoError(t, err)
	// A generous budget: these tests are not about a slow machine.
	raw, err := json.Marshal(Handler{Zones: zones, Budget: caddy.Duration(20 * time.Second)})
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

// zone returns a zone of its own that allows n requests and then no more for an hour.
func zone(n int, key string) Zone {
	return Zone{Name: uuid.NewString(), Key: key, Rate: Rate{1, time.Hour}, Burst: n}
}

// send lets the handler decide about a request of the user.
func send(t testing.TB, h *Handler, address, user string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr = address + ":4711"
	r.Header.Set("X-Forwarded-For", uuid.NewString())
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, &caddyhttp.Server{})
	if user != "" {
		repl.Set("http.auth.user.id", user)
	}
	require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
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
			h, unload := load(t, url, z)
			defer unload()
			first := send(t, h, "192.0.2.1", "")
			require.Equal(t, http.StatusAccepted, first.Code)
			require.Equal(t, `"`+z.Name+`";q=2;w=7200`, first.Header().Get("RateLimit-Policy"))
			require.Equal(t, `"`+z.Name+`";r=1;t=3600`, first.Header().Get("RateLimit"))
			require.Equal(t, http.StatusAccepted, send(t, h, "192.0.2.1", "").Code)
			require.Equal(t, http.StatusAccepted, send(t, h, "192.0.2.2", "").Code, "another address")
			requireRefused(t, send(t, h, "192.0.2.1", ""), z.Name)
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

func TestZonesInTheirOrder(t *testing.T) {
	t.Parallel()
	user, address := zone(1, "{http.auth.user.id}"), zone(2, "")
	h, unload := load(t, "", user, address)
	defer unload()
	w := send(t, h, "192.0.2.1", "ada")
	require.Equal(t, []string{`"` + user.Name + `";r=0;t=3600`, `"` + address.Name + `";r=1;t=3600`}, w.Header().Values("RateLimit"))
	w = send(t, h, "192.0.2.1", "ada")
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Len(t, w.Header().Values("RateLimit"), 1, "the second zone was not asked")
	require.Equal(t, http.StatusAccepted, send(t, h, "192.0.2.1", "bob").Code)
	w = send(t, h, "192.0.2.1", "cyd")
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Contains(t, w.Body.String(), address.Name)
}

func TestEmptyKeysCountTogether(t *testing.T) {
	t.Parallel()
	h, unload := load(t, "", zone(1, "{http.auth.user.id}"))
	defer unload()
	require.Equal(t, http.StatusAccepted, send(t, h, "192.0.2.1", "").Code)
	require.Equal(t, http.StatusTooManyRequests, send(t, h, "192.0.2.2", "").Code)
	require.Equal(t, http.StatusAccepted, send(t, h, "192.0.2.2", "ada").Code)
}

func TestReloadKeepsCounts(t *testing.T) {
	t.Parallel()
	z := zone(1, "")
	before, unloadOld := load(t, "", z)
	require.Equal(t, http.StatusAccepted, send(t, before, "192.0.2.1", "").Code)
	after, unloadNew := load(t, "", z)
	defer unloadNew()
	unloadOld()
	require.Equal(t, http.StatusTooManyRequests, send(t, after, "192.0.2.1", "").Code)
}

func TestRedisHoldsNoKeyOfAnybody(t *testing.T) {
	t.Parallel()
	url := testsvc.Redis(t)
	z := zone(2, "{http.auth.user.id}")
	h, unload := load(t, url, z)
	defer unload()
	require.Equal(t, http.StatusAccepted, send(t, h, "192.0.2.1", "ada@example.org").Code)
	keys, err := openRedis(t, url).Keys(t.Context(), "*"+z.Name+"*").Result()
	require.NoError(t, err)
	require.Equal(t, []string{"rate:" + hashKey(z.Name, "ada@example.org")}, keys)
}

func TestDecisionsAreCounted(t *testing.T) {
	t.Parallel()
	z := zone(1, "")
	h, unload := load(t, "", z)
	defer unload()
	for range 3 {
		send(t, h, "192.0.2.1", "")
	}
	for outcome, want := range map[string]int{"allowed": 1, "refused": 2} {
		var m dto.Metric
		require.NoError(t, decisionsTotal.WithLabelValues(z.Name, outcome).Write(&m))
		require.Equal(t, want, int(m.GetCounter().GetValue()), outcome)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := Zone{Name: "a", Rate: Rate{1, time.Second}, Burst: 1}
	require.NoError(t, (&Handler{Zones: []Zone{good}}).Validate())
	for want, h := range map[string]*Handler{
		"option zone":             {},
		"option budget":           {Zones: []Zone{good}, Budget: -1},
		"two of this name":        {Zones: []Zone{good, good}},
		`zone "a b": a name`:      {Zones: []Zone{{Name: "a b", Rate: good.Rate, Burst: 1}}},
		`zone "a": option rate`:   {Zones: []Zone{{Name: "a", Burst: 1}}},
		`zone "a": option burst`:  {Zones: []Zone{{Name: "a", Rate: good.Rate, Burst: -1}}},
		"must be from 1 to 10000": {Zones: []Zone{{Name: "a", Rate: good.Rate, Burst: maxCount + 1}}},
	} {
		err := h.Validate()
		require.ErrorContains(t, err, "bot_rate_limit: ")
		require.ErrorContains(t, err, want)
	}
}

func TestCleanupOfHalfAHandler(t *testing.T) {
	t.Parallel()
	h := new(Handler)
	require.NoError(t, h.Cleanup())
	loaded, unload := load(t, "", zone(1, ""))
	unload()
	require.NoError(t, loaded.Cleanup(), "a second time")
}
