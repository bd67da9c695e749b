package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testlog"
)

// TestBotsFileIsFollowed adds a bot whose first event came before it, moves one, and takes one out.
func TestBotsFileIsFollowed(t *testing.T) {
	t.Parallel()
	takes := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(takes.Close)
	s := settings(t, "http://127.0.0.1:1/")
	var logs testlog.Buffer
	a := start(t, app.Config{Settings: s, Logger: logs.Logger()})
	q := openQueue(t, s)
	write := func(bots string) {
		t.Helper()
		require.NoError(t, os.WriteFile(s.BotsFile+".new", fmt.Appendf(nil, `{"bots":{%s}}`, bots), 0o600))
		require.NoError(t, os.Rename(s.BotsFile+".new", s.BotsFile))
	}
	bot := func(name, url string) string {
		return fmt.Sprintf(`%q:{"url":%q,"allow_private":true,"secret_files":["demo.secret"]}`, name, url)
	}

	early := newEvent(t, "early", "{}")
	early.Bot = "late"
	moved := newEvent(t, "moved", "{}")
	require.NoError(t, q.Publish(t.Context(), early, moved))
	require.Eventually(t, func() bool { return countOf(t, a, "botgate_dispatch_unknown_bot_total") > 0 }, patience, time.Millisecond)
	write(bot("demo", takes.URL) + "," + bot("late", takes.URL))
	waitFor(t, a, early.ID, event.StatusDelivered)
	waitFor(t, a, moved.ID, event.StatusDelivered)

	write(bot("demo", takes.URL))
	require.Eventually(t, func() bool { return countOf(t, a, `botgate_queue_in_flight{bot="late"}`) < 0 }, patience, 10*time.Millisecond)
	require.Negative(t, countOf(t, a, `botgate_dispatch_attempts_total{bot="late",outcome="delivered"}`), "nor is anything else left of it")
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(s.BotsFile), "demo.secret")))
	require.Eventually(t, func() bool { return countOf(t, a, `botgate_files_refused{what="bots file"}`) >= 1 }, patience, 10*time.Millisecond)
	after := newEvent(t, "after", "{}")
	require.NoError(t, q.Publish(t.Context(), after))
	waitFor(t, a, after.ID, event.StatusDelivered)
}

// countOf is the value of a metric of the app, negative where there is none.
func countOf(t *testing.T, a *app.App, metric string) float64 {
	t.Helper()
	_, body := get(t, a, "/metrics")
	value := -1.0
	for line := range strings.Lines(body) {
		if rest, is := strings.CutPrefix(line, metric+" "); is {
			_, err := fmt.Sscan(rest, &value)
			require.NoError(t, err)
		}
	}
	return value
}
