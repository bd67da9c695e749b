package botenqueue

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/unverified"
)

// loadedApp is the botgate app in a configuration.
type loadedApp struct{}

func init() { caddy.RegisterModule(loadedApp{}) }

func (loadedApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "botgate", New: func() caddy.Module { return loadedApp{} }}
}

func (loadedApp) Start() error                   { return nil }
func (loadedApp) Stop() error                    { return nil }
func (loadedApp) Queue() (queue.Queue, error)    { return &fakeQueue{}, nil }
func (loadedApp) KnownBot(string) bool           { return true }
func (loadedApp) HasBots() bool                  { return true }
func (loadedApp) ForwardHeaders(string) []string { return nil }
func (loadedApp) AnswersPlatform(string) bool    { return false }
func (loadedApp) Messaging() *tracing.Messaging  { return nil }
func (loadedApp) MaxUnverified() int64           { return unverified.DefaultLimit }
func (loadedApp) RedisPipe() *redisclient.Pipe   { return nil }

// provisioning guards what Caddy changes of its process while it provisions.
var provisioning sync.Mutex

// load provisions a handler as a configuration would. The returned function unloads it.
func load(t *testing.T, config string) (h *Handler, unload func(), err error) {
	t.Helper()
	provisioning.Lock()
	defer provisioning.Unlock()
	whole, err := caddy.ProvisionContext(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		AppsRaw: caddy.ModuleMap{"botgate": json.RawMessage(`{}`)},
	})
	require.NoError(t, err)
	ctx, cancel := caddy.NewContext(whole)
	value, err := ctx.LoadModuleByID("http.handlers.bot_enqueue", json.RawMessage(config))
	if err != nil {
		cancel()
		return nil, nil, err
	}
	var once sync.Once
	unload = func() { once.Do(cancel) }
	t.Cleanup(unload)
	return value.(caddyhttp.MiddlewareHandler).(*Handler), unload, nil
}

func TestKeysSurviveReloads(t *testing.T) {
	before, unload, err := load(t, `{"bot":"demo"}`)
	require.NoError(t, err)
	first := serve(t, before, keyed("k", `{}`), client)
	after, unloadLast, err := load(t, `{"bot":"demo","idempotency_window":"1h"}`)
	require.NoError(t, err)
	unload()
	requireReplay(t, first, serve(t, after, keyed("k", `{}`), client))
	unloadLast()
	again, _, err := load(t, `{"bot":"demo"}`)
	require.NoError(t, err)
	require.Empty(t, serve(t, again, keyed("k", `{}`), client).Header().Get("Idempotency-Replayed"), "the last handler forgets them")
}

func TestOptions(t *testing.T) {
	h, _, err := load(t, `{"bot":"demo"}`)
	require.NoError(t, err)
	require.Equal(t, idempotency.Terms{Window: 24 * time.Hour, Lease: 6 * time.Second, Budget: 20 * time.Millisecond}, h.terms)

	h, _, err = load(t, `{"bot":"demo","idempotency_window":0}`)
	require.NoError(t, err)
	require.Nil(t, h.store)
	first, again := serve(t, h, keyed("off", `{"a":1}`), client), serve(t, h, keyed("off", `{"a":1}`), client)
	require.Equal(t, first.Body.String(), again.Body.String(), "still the same id")
	require.Empty(t, again.Header().Get("Idempotency-Replayed"))
	other := serve(t, h, keyed("off", `{"a":2}`), client)
	require.Equal(t, http.StatusAccepted, other.Code)
	require.NotEqual(t, first.Body.String(), other.Body.String(), "another body is another event")

	for config, complaint := range map[string]string{
		`{"bot":"demo","idempotency_window":"10ms"}`: "idempotency_window",
		`{"bot":"demo","idempotency_window":"-1s"}`:  "idempotency_window",
		`{"bot":"demo","idempotency_window":"721h"}`: "idempotency_window",
		`{"bot":"demo","idempotency_budget":"-1s"}`:  "idempotency_budget",
	} {
		_, _, err = load(t, config)
		require.ErrorContains(t, err, complaint)
	}
}

func TestOperatorSeesThatRedisIsUnreachable(t *testing.T) {
	client, err := redisclient.Open("redis://127.0.0.1:1")
	require.NoError(t, err)
	pipe := redisclient.NewPipe(client)
	defer func() { require.NoError(t, pipe.Close()) }()
	store, release, err := acquire(pipe, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	store.Mark(idempotency.Terms{Window: time.Hour, Budget: time.Minute}, []idempotency.Key{{}}, time.Now())
	require.Eventually(t, func() bool { return testutil.ToFloat64(degradedState) == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, release())
	require.InDelta(t, 0, testutil.ToFloat64(degradedState), 0)
}

// TestNobodyIsLetInUnverified sends what no handler before verified, which a configuration can only take on purpose.
func TestNobodyIsLetInUnverified(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open         bool
		placeholders map[string]string
		want         int
	}{
		"nobody":                   {want: http.StatusForbidden},
		"bot_jwt":                  {placeholders: client, want: http.StatusAccepted},
		"bot_signature":            {placeholders: map[string]string{delivery.PlaceholderVerifiedBy: "github"}, want: http.StatusAccepted},
		"basic_auth":               {placeholders: map[string]string{placeholderAuthUser: "alice"}, want: http.StatusAccepted},
		"a check that found none":  {placeholders: map[string]string{placeholderAuthUser: ""}, want: http.StatusForbidden},
		"what the caller writes":   {placeholders: map[string]string{"http.bot.user": "alice", "http.bot.type": "x"}, want: http.StatusForbidden},
		"nobody, and said to":      {open: true, want: http.StatusAccepted},
		"somebody, and said to be": {open: true, placeholders: client, want: http.StatusAccepted},
	} {
		f := &fakeApp{}
		h := newHandler(f)
		h.Open = c.open
		w := serve(t, h, command(`{}`), c.placeholders)
		require.Equal(t, c.want, w.Code, name)
		if c.want == http.StatusForbidden {
			requireProblem(t, w, c.want, "not-verified")
			require.Empty(t, f.published, name)
		}
	}
}
