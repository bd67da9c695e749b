package botgate_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/spool"
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
	require.NoError(t, reloaded.Start())
	require.NoError(t, old.Cleanup())
	after, err := reloaded.Queue()
	require.NoError(t, err)
	require.NoError(t, before.Ready(t.Context()), "a request under way goes on with it")
	require.NoError(t, after.Ready(t.Context()), "it outlives the configuration that opened it")
	require.NotNil(t, reloaded.Redis())

	require.NoError(t, reloaded.Cleanup())
	require.Error(t, after.Ready(t.Context()), "the last one to let go closes it")
}

// newCommand is an event of user "u".
func newCommand(t *testing.T, n int) *event.Event {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	return &event.Event{ID: id, Bot: "demo", Type: "command", OrderKey: "u", Time: time.Now(), Data: fmt.Append(nil, n)}
}

const noBroker = "amqp://u:p@127.0.0.1:1/"

// A configuration whose blob store can't be opened is given up at once, also where another
// gateway has the spool and somebody asked for the queue more than once.
func TestUnusableBlobStoreTakesNoSpool(t *testing.T) {
	data := t.TempDir()
	other, err := spool.Open(t.Context(), spool.Config{Path: filepath.Join(data, "spool.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	file := filepath.Join(data, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	app, err := provision(t, &botgate.App{Data: data, QueueURL: noBroker, Blob: botgate.Blob{URL: "file:" + file}})
	require.NoError(t, err)
	for range 2 {
		_, err = app.Queue()
		require.ErrorContains(t, err, "option blob")
	}
	given := make(chan error, 1)
	go func() { given <- app.Cleanup() }()
	select {
	case err := <-given:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		t.Fatal("it still waits for the spool")
	}
}

// TestSpoolOutlivesReloads spools without a broker, over reloads that change the broker's
// address, make the spool smaller and leave RabbitMQ for the embedded queue.
func TestSpoolOutlivesReloads(t *testing.T) {
	data := t.TempDir()
	var last *botgate.App
	reload := func(app *botgate.App) queue.Queue {
		t.Helper()
		app.Data = data
		next, err := provision(t, app)
		require.NoError(t, err)
		require.NoError(t, next.Start())
		if last != nil {
			require.NoError(t, last.Cleanup())
		}
		last = next
		q, err := next.Queue()
		require.NoError(t, err)
		return q
	}
	first := reload(&botgate.App{QueueURL: noBroker})
	require.NoError(t, first.Publish(t.Context(), newCommand(t, 1)))
	require.True(t, last.Spooling())
	require.NoError(t, last.Ready(t.Context()))

	moved := reload(&botgate.App{QueueURL: "amqp://u:p@127.0.0.1:2/"})
	require.NoError(t, moved.Publish(t.Context(), newCommand(t, 2)))
	require.NoError(t, first.Publish(t.Context(), newCommand(t, 3)), "a request under way")

	full := reload(&botgate.App{QueueURL: noBroker, Spool: botgate.Spool{MaxSize: 1000}})
	require.ErrorContains(t, full.Publish(t.Context(), newCommand(t, 4)), "max_size")
	rejecting := reload(&botgate.App{QueueURL: noBroker, OnBrokerError: "reject"})
	require.ErrorIs(t, rejecting.Publish(t.Context(), newCommand(t, 4)), queue.ErrUnavailable)
	require.Error(t, last.Ready(t.Context()))

	embedded := reload(&botgate.App{})
	require.Eventually(t, func() bool { return !last.Spooling() }, time.Minute, time.Millisecond)
	require.NoError(t, embedded.Publish(t.Context(), newCommand(t, 4)))
	c, err := embedded.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	for n := 1; n <= 4; n++ {
		ds, err := c.Receive(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(n), string(ds[0].Event.Data))
		require.NoError(t, c.Ack(t.Context(), ds...))
	}
}

func TestNoSpoolWhereNothingIsSpooled(t *testing.T) {
	for _, app := range []*botgate.App{{}, {QueueURL: noBroker, OnBrokerError: "reject"}} {
		app.Data = t.TempDir()
		_, err := provision(t, app)
		require.NoError(t, err)
		require.NoError(t, app.Start())
		require.NoFileExists(t, filepath.Join(app.Data, "spool.db"))
		require.False(t, app.Spooling())
	}
}

func TestStartFailsWhenTheSpoolCannotBeOpened(t *testing.T) {
	app, err := provision(t, &botgate.App{QueueURL: noBroker, Spool: botgate.Spool{Path: "/dev/null/spool.db"}})
	require.NoError(t, err)
	require.ErrorContains(t, app.Start(), "option spool")
}

func TestProvisionOpensNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "queue.db")
	_, err := provision(t, &botgate.App{QueueURL: "sqlite:" + path})
	require.NoError(t, err)
	require.NoFileExists(t, path)
	_, err = provision(t, &botgate.App{QueueURL: noBroker, Spool: botgate.Spool{Path: path}})
	require.NoError(t, err)
	require.NoFileExists(t, path)
}

func TestStartFailsWhenTheQueueCannotBeOpened(t *testing.T) {
	app, err := provision(t, &botgate.App{QueueURL: "sqlite:/dev/null/queue.db"})
	require.NoError(t, err)
	require.ErrorContains(t, app.Start(), "option queue")
}

func TestStartFailsWhenTheBlobStoreCannotBeOpened(t *testing.T) {
	queue := "sqlite:" + filepath.Join(t.TempDir(), "queue.db")
	app, err := provision(t, &botgate.App{QueueURL: queue, Blob: botgate.Blob{URL: "file:/dev/null/blobs"}})
	require.NoError(t, err)
	require.ErrorContains(t, app.Start(), "option blob")
}

// TestLargeBodies publishes a large body, and looks whether it is kept in a file.
func TestLargeBodies(t *testing.T) {
	for name, c := range map[string]struct {
		threshold *int64
		want      int
	}{"default": {nil, 1}, "off": {new(int64), 0}, "higher": {new(int64(300_000)), 0}} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			app, err := provision(t, &botgate.App{Data: data, Blob: botgate.Blob{Threshold: c.threshold}})
			require.NoError(t, err)
			q, err := app.Queue()
			require.NoError(t, err)
			body := make([]byte, 300_000)
			require.NoError(t, q.Publish(t.Context(), &event.Event{ID: "a", Bot: "demo", Type: "t", OrderKey: "k", Time: time.Now(), Data: body}))
			kept, err := filepath.Glob(filepath.Join(data, "blobs", "??", "*"))
			require.NoError(t, err)
			require.Len(t, kept, c.want)

			consumer, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
			require.NoError(t, err)
			deliveries, err := consumer.Receive(t.Context(), 1)
			require.NoError(t, err)
			require.Equal(t, body, deliveries[0].Event.Data)
			require.NoError(t, consumer.Close())
		})
	}
}

func TestProvisionRefuses(t *testing.T) {
	for option, app := range map[string]*botgate.App{
		"option queue":     {QueueURL: "kafka://x"},
		"option redis":     {RedisURL: "http://x"},
		"option bots:":     {Bots: []string{"a/b"}},
		"on_broker_error":  {OnBrokerError: "drop"},
		"max_unverified":   {MaxUnverifiedBytes: -1},
		"option spool":     {Spool: botgate.Spool{MaxSize: -1}},
		"option bots_file": {BotsFile: "/nowhere/bots.json"},
		"option blob":      {Blob: botgate.Blob{URL: "ftp://x"}},
		"threshold":        {Blob: botgate.Blob{Threshold: new(int64(-1))}},
		"retention":        {Blob: botgate.Blob{Retention: new(caddy.Duration(time.Hour))}},
	} {
		t.Run(option, func(t *testing.T) {
			_, err := provision(t, app)
			require.ErrorContains(t, err, option)
		})
	}
}

// TestNoAddressIsTakenForUnset has variables that are not set, where something else would be used instead.
func TestNoAddressIsTakenForUnset(t *testing.T) {
	for _, left := range []string{"{env.BOTGATE_TEST_UNSET}", "{$ADDRESS}", "$ADDRESS", "{secrets.address}", " "} {
		for option, app := range map[string]*botgate.App{
			"redis": {RedisURL: left}, "queue": {QueueURL: left}, "data": {Data: left}, "bots": {Bots: []string{left}},
			"bots_file": {BotsFile: left}, "spool": {Spool: botgate.Spool{Path: left}}, "history": {History: left},
			"blob": {Blob: botgate.Blob{URL: left}}, "api_secret_file": {APISecretFile: left},
		} {
			_, err := provision(t, app)
			require.ErrorContains(t, err, "option "+option+": ", left)
		}
	}
	folder := t.TempDir()
	t.Setenv("BOTGATE_TEST_DATA", folder)
	app, err := provision(t, &botgate.App{Data: "{env.BOTGATE_TEST_DATA}"})
	require.NoError(t, err)
	require.Equal(t, folder, app.Data)
	require.Equal(t, "sqlite:"+filepath.Join(folder, "queue.db"), app.QueueURL)
}

func TestReadyProbe(t *testing.T) {
	for name, c := range map[string]struct {
		queue, onError string
		status         int
	}{
		"ready":          {"sqlite:" + filepath.Join(t.TempDir(), "queue.db"), "spool", 200},
		"ready to spool": {noBroker, "spool", 200},
		"not ready":      {noBroker, "reject", 503},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, err := caddy.ProvisionContext(&caddy.Config{
				Admin:   &caddy.AdminConfig{Disabled: true},
				AppsRaw: caddy.ModuleMap{"botgate": fmt.Appendf(nil, `{"queue":%q,"on_broker_error":%q,"data":%q}`, c.queue, c.onError, t.TempDir())},
			})
			require.NoError(t, err)
			loaded, err := ctx.App("botgate")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, loaded.(*botgate.App).Cleanup()) })
			handler := new(botgate.Ready)
			require.NoError(t, handler.Provision(ctx))
			var w *httptest.ResponseRecorder
			require.Eventually(t, func() bool { // A probe waits a second, and a busy machine longer.
				w = httptest.NewRecorder()
				return handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil), nil) == nil && w.Code == c.status
			}, time.Minute, time.Millisecond)
			require.NotContains(t, w.Body.String(), "127.0.0.1")
			handler.Self = true
			w = httptest.NewRecorder()
			require.NoError(t, handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz/self", nil), nil))
			require.Equal(t, http.StatusOK, w.Code, "whatever the queue does")
		})
	}
}

func TestHeldQueueOutlivesTheConfiguration(t *testing.T) {
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		AppsRaw: caddy.ModuleMap{"botgate": fmt.Appendf(nil, `{"data":%q}`, t.TempDir())},
	})
	require.NoError(t, err)
	loaded, err := ctx.App("botgate")
	require.NoError(t, err)
	app := loaded.(*botgate.App)
	q, release, err := app.Hold()
	require.NoError(t, err)
	require.NoError(t, app.Cleanup())
	require.NoError(t, q.Ready(t.Context()))
	require.NoError(t, release())
	require.ErrorIs(t, q.Ready(t.Context()), queue.ErrClosed)
	require.NoError(t, release(), "releasing twice is fine")
}

// TestMetricsBindHasNoPort: Caddy would leave the port out without a word.
func TestMetricsBindHasNoPort(t *testing.T) {
	for bind, refused := range map[string]bool{
		"": false, "127.0.0.1": false, "0.0.0.0 ::1": false, "[::1]": false, "localhost": false, "unix//run/metrics.sock": false,
		"127.0.0.1:9999": true, "127.0.0.1 [::1]:9999": true, ":9999": true,
	} {
		t.Setenv("BOTGATE_METRICS_BIND", bind)
		_, err := provision(t, &botgate.App{Data: t.TempDir()})
		if !refused {
			require.NoError(t, err, bind)
			continue
		}
		require.ErrorContains(t, err, "BOTGATE_METRICS_BIND: ", bind)
		require.ErrorContains(t, err, "BOTGATE_METRICS_PORT=9999", bind)
	}
}
