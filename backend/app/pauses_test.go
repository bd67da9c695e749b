package app_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestStartWithoutRedisDeliversNothing until Redis says which bots are paused: a paused bot gets nothing then, either.
func TestStartWithoutRedisDeliversNothing(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	options, err := redis.ParseURL(server.URL)
	require.NoError(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, pause.Redis{Client: client}.Set(t.Context(), "demo", pause.State{Paused: true, Since: time.Now().UTC()}))
	server.Kill()

	takes := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(takes.Close)
	s := settings(t, takes.URL)
	s.Data.RedisURL = server.URL
	one := `"demo":{"url":"` + takes.URL + `","allow_private":true,"secret_files":["demo.secret"]}`
	file := `{"bots":{` + one + "," + strings.Replace(one, "demo", "other", 1) + `}}`
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(s.BotsFile), "bots.json"), []byte(file), 0o600))
	var logs testlog.Buffer
	a := start(t, app.Config{Settings: s, Logger: logs.Logger()})
	require.Eventually(t, func() bool {
		return strings.Contains(logs.String(), "nothing is delivered until Redis says which bots are paused")
	}, patience, 5*time.Millisecond)
	require.Contains(t, logs.String(), "option=BOTGATE_REDIS_URL")
	_, body := get(t, a, "/readyz")
	require.Contains(t, body, `"dispatch":"unavailable"`)

	waits, goes := newEvent(t, "a", "{}"), newEvent(t, "b", "{}")
	goes.Bot = "other"
	require.NoError(t, openQueue(t, s).Publish(t.Context(), waits, goes))
	waitFor(t, a, goes.ID, event.StatusAccepted)
	server.Restart()
	waitFor(t, a, goes.ID, event.StatusDelivered)
	require.Contains(t, waitFor(t, a, waits.ID, event.StatusAccepted), `"attempts":[]`)
	require.Eventually(t, func() bool { return a.Ready(t.Context()) == nil }, patience, 5*time.Millisecond)
	require.InDelta(t, 1, countOf(t, a, `botgate_dispatch_paused{bot="demo"}`), 0)
}
