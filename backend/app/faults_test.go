package app_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	a, err := app.New(app.Config{Settings: settings(t, "http://127.0.0.1:1")})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	require.Eventually(t, func() bool { return a.Ready(t.Context()) == nil }, patience, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

func TestRunEndsWhenTheListenerFails(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	a, err := app.New(app.Config{Settings: settings(t, "http://127.0.0.1:1"), Listener: listener})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- a.Run(t.Context()) }()
	require.Eventually(t, func() bool { return a.Ready(t.Context()) == nil }, patience, 5*time.Millisecond)
	require.NoError(t, listener.Close())
	require.ErrorContains(t, <-done, "serving 127.0.0.1")
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	c := settings(t, "http://127.0.0.1:1")
	c.Listen = taken.Addr().String()
	a, err := app.New(app.Config{Settings: c})
	require.NoError(t, err)
	require.EqualError(t, a.Run(t.Context()),
		"listen "+c.Listen+": address already in use; stop what listens there, or set BOTGATE_LISTEN")
	require.NoFileExists(t, filepath.Join(filepath.Dir(c.BotsFile), "queue.db"), "nothing else was touched")
}

func TestStartErrorsNameTheOption(t *testing.T) {
	t.Parallel()
	for option, change := range map[string]func(dir string, c *config.Config){
		config.EnvListen:      func(_ string, c *config.Config) { c.Listen = "127.0.0.1:99999" },
		config.EnvQueueURL:    func(dir string, c *config.Config) { c.QueueURL = "sqlite:" + dir },
		config.EnvDatabaseURL: func(dir string, c *config.Config) { c.DatabaseURL = "sqlite:" + dir + "/bots.json/x" },
		config.EnvBotsFile:    func(dir string, c *config.Config) { c.BotsFile = dir + "/absent.json" },
		config.EnvRoles:       func(_ string, c *config.Config) { c.Roles = nil },
		config.EnvOutcomeSpool: func(dir string, c *config.Config) {
			c.QueueURL, c.OutcomeSpool = noBroker, dir+"/bots.json/x"
		},
	} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			c := settings(t, "http://127.0.0.1:1")
			change(filepath.Dir(c.BotsFile), &c)
			a, err := app.New(app.Config{Settings: c})
			if err == nil {
				err = a.Run(t.Context())
			}
			require.ErrorContains(t, err, option)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

const noBroker = "amqp://u:p@127.0.0.1:1/"

// TestSpoolOfOutcomes: there is one where dispatch consumes RabbitMQ, unless it is off.
func TestSpoolOfOutcomes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*config.Config)
		spools bool
	}{
		"RabbitMQ":         {func(c *config.Config) { c.QueueURL = noBroker }, true},
		"off":              {func(c *config.Config) { c.QueueURL, c.OutcomeSpool = noBroker, "off" }, false},
		"without dispatch": {func(c *config.Config) { c.QueueURL, c.Roles = noBroker, []config.Role{config.Record} }, false},
		"embedded queue":   {func(*config.Config) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := settings(t, "http://127.0.0.1:1")
			path := c.OutcomeSpool
			tc.change(&c)
			start(t, app.Config{Settings: c})
			if tc.spools {
				require.FileExists(t, path)
			} else {
				require.NoFileExists(t, path)
			}
		})
	}
}

func TestBotsFileIsCheckedBeforeTheStart(t *testing.T) {
	t.Parallel()
	c := settings(t, "http://127.0.0.1:1")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(c.BotsFile), "demo.secret"), []byte("hunter2"), 0o600))
	_, err := app.New(app.Config{Settings: c})
	require.ErrorContains(t, err, config.EnvBotsFile)
	require.ErrorContains(t, err, `bot "demo"`)
	require.NotContains(t, err.Error(), "hunter2")
	c.Roles = []config.Role{config.Record}
	_, err = app.New(app.Config{Settings: c})
	require.NoError(t, err, "only dispatch needs the bots")
}

// TestDatabaseUnreachable starts with a database that nobody serves: the app runs, is not
// ready, and stops in time.
func TestDatabaseUnreachable(t *testing.T) {
	t.Parallel()
	c := settings(t, "http://127.0.0.1:1")
	c.DatabaseURL = "postgres://botgate:hunter2@127.0.0.1:1/botgate?sslmode=disable"
	a := start(t, app.Config{Settings: c})
	code, body := get(t, a, "/readyz")
	require.Equal(t, 503, code)
	require.Contains(t, body, `"store":"unavailable"`)
	require.Contains(t, body, `"queue":"ok"`)
	require.NotContains(t, body, "127.0.0.1")
	code, body = get(t, a, "/v1/events")
	require.Equal(t, 503, code)
	require.NotContains(t, body, "hunter2")
	code, _ = get(t, a, "/healthz")
	require.Equal(t, 200, code)
}

// TestShardAway starts with shards that nobody serves: the app is ready as long as there is one, whichever.
func TestShardAway(t *testing.T) {
	t.Parallel()
	const away = "postgres://botgate:hunter2@127.0.0.1:1/botgate?sslmode=disable"
	served := "sqlite:" + filepath.Join(t.TempDir(), "shard.db")
	for _, tc := range []struct {
		name, a, b string
		code       int
		body       string
	}{
		{
			"the first, which has the jobs", away, served, 200,
			`{"status":"degraded","checks":{"store":"degraded","record":"ok","jobs":"degraded","queue":"ok","dispatch":"ok"},
				"details":{"store":"away: shard a","jobs":"kept in shard a"}}`,
		},
		{
			"another one", served + ".other", away, 200,
			`{"status":"degraded","checks":{"store":"degraded","record":"ok","jobs":"ok","queue":"ok","dispatch":"ok"},
				"details":{"store":"away: shard b"}}`,
		},
		{
			"both", away, away + "&application_name=other", 503,
			`{"status":"not ready","checks":{"store":"unavailable","record":"ok","jobs":"degraded","queue":"ok","dispatch":"ok"},
				"details":{"jobs":"kept in shard a"}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := settings(t, "http://127.0.0.1:1")
			dir := filepath.Dir(c.BotsFile)
			c.Data.ShardsFile = filepath.Join(dir, "shards.json")
			require.NoError(t, os.WriteFile(c.Data.ShardsFile, fmt.Appendf(nil, `{"shards": {"a": {"url": %q}, "b": {"url": %q}},
				"buckets": [{"from": 0, "to": 511, "shard": "a"}, {"from": 512, "to": 1023, "shard": "b"}]}`,
				tc.a, tc.b), 0o600))
			a := start(t, app.Config{Settings: c})
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				code, body := get(t, a, "/readyz")
				require.Equal(c, tc.code, code)
				require.JSONEq(c, tc.body, body)
			}, patience, 10*time.Millisecond)
			require.Equal(t, tc.code == 200, a.Ready(t.Context()) == nil)
		})
	}
}

// TestDatabaseComesBack kills the database and starts without it: what is on the queue
// meanwhile is delivered, and recorded once the database is there, schema included.
func TestDatabaseComesBack(t *testing.T) {
	t.Parallel()
	database := testsvc.StartPostgres(t)
	database.Kill()
	bot := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(bot.Close)
	c := settings(t, bot.URL)
	c.DatabaseURL = database.URL
	reg := prometheus.NewRegistry()
	a := start(t, app.Config{Settings: c, Registry: reg})
	q := openQueue(t, c)
	e := newEvent(t, "k", `{}`)
	require.NoError(t, q.Publish(t.Context(), e))
	require.Eventually(t, func() bool {
		_, body := get(t, a, "/metrics")
		return strings.Contains(body, `botgate_dispatch_attempts_total{bot="demo",outcome="delivered"} 1`)
	}, patience, 10*time.Millisecond)
	code, _ := get(t, a, "/v1/events/"+e.ID)
	require.Equal(t, 503, code)

	database.Restart()
	waitFor(t, a, e.ID, event.StatusDelivered)
	require.Eventually(t, func() bool { return a.Ready(t.Context()) == nil }, patience, 10*time.Millisecond)
}

func TestRegistryThatIsUsedAlready(t *testing.T) {
	t.Parallel()
	c := settings(t, "http://127.0.0.1:1")
	reg := prometheus.NewRegistry()
	start(t, app.Config{Settings: c, Registry: reg})
	other, err := app.New(app.Config{Settings: settings(t, "http://127.0.0.1:1"), Registry: reg})
	require.NoError(t, err)
	require.Error(t, other.Start(t.Context()))
}
