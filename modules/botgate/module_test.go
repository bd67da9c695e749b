package botgate_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/botgate"
)

// provision makes an app as Caddy does, in a configuration of its own. Caddy provisions one
// at a time, so these tests are not parallel.
func provision(t *testing.T, app *botgate.App) (*botgate.App, error) {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, app.Cleanup()) })
	return app, app.Provision(ctx)
}

func TestClientsAreSharedWhileAddressesAreTheSame(t *testing.T) {
	queue := "sqlite:" + filepath.Join(t.TempDir(), "queue.db")
	old, err := provision(t, &botgate.App{QueueURL: queue, RedisURL: "redis://127.0.0.1:1"})
	require.NoError(t, err)
	before, err := old.Queue()
	require.NoError(t, err)

	reloaded, err := provision(t, &botgate.App{QueueURL: queue, RedisURL: "redis://127.0.0.1:1"})
	require.NoError(t, err)
	require.NoError(t, old.Cleanup())
	after, err := reloaded.Queue()
	require.NoError(t, err)
	require.Same(t, before, after)
	require.NoError(t, after.Ready(t.Context()), "it outlives the configuration that opened it")
	require.NotNil(t, reloaded.Redis())

	require.NoError(t, reloaded.Cleanup())
	require.Error(t, after.Ready(t.Context()), "the last one to let go closes it")
}

func TestProvisionOpensNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "queue.db")
	_, err := provision(t, &botgate.App{QueueURL: "sqlite:" + path})
	require.NoError(t, err)
	require.NoFileExists(t, path)
}

func TestStartFailsWhenTheQueueCannotBeOpened(t *testing.T) {
	app, err := provision(t, &botgate.App{QueueURL: "sqlite:/dev/null/queue.db"})
	require.NoError(t, err)
	require.ErrorContains(t, app.Start(), "BOTGATE_QUEUE_URL")
}

func TestBots(t *testing.T) {
	app, err := provision(t, &botgate.App{Bots: []string{"demo"}})
	require.NoError(t, err)
	require.True(t, app.HasBots())
	require.True(t, app.KnownBot("demo"))
	require.False(t, app.KnownBot("other"))
}

func TestProvisionRefuses(t *testing.T) {
	for option, app := range map[string]*botgate.App{
		"BOTGATE_QUEUE_URL": {QueueURL: "kafka://x"},
		"BOTGATE_REDIS_URL": {RedisURL: "http://x"},
		"option bots:":      {Bots: []string{"a/b"}},
		"option bots_file":  {BotsFile: "/nowhere/bots.json"},
	} {
		t.Run(option, func(t *testing.T) {
			_, err := provision(t, app)
			require.ErrorContains(t, err, option)
		})
	}
}

func TestReadyProbe(t *testing.T) {
	for name, c := range map[string]struct {
		queue  string
		status int
	}{
		"ready":     {"sqlite:" + filepath.Join(t.TempDir(), "queue.db"), 200},
		"not ready": {"amqp://u:p@127.0.0.1:1/", 503},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, err := caddy.ProvisionContext(&caddy.Config{
				Admin:   &caddy.AdminConfig{Disabled: true},
				AppsRaw: caddy.ModuleMap{"botgate": []byte(`{"queue":"` + c.queue + `"}`)},
			})
			require.NoError(t, err)
			loaded, err := ctx.App("botgate")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, loaded.(*botgate.App).Cleanup()) })
			handler := new(botgate.Ready)
			require.NoError(t, handler.Provision(ctx))
			w := httptest.NewRecorder()
			require.NoError(t, handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil), nil))
			require.Equal(t, c.status, w.Code, w.Body)
			require.NotContains(t, w.Body.String(), "127.0.0.1")
		})
	}
}
