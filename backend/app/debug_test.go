package app_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestProfiles are for this machine, and not for pages that browsers on it show.
func TestProfiles(t *testing.T) {
	t.Parallel()
	c := settings(t, "http://127.0.0.1:1")
	c.DebugListen = testsvc.FreeAddresses(t, 1)[0]
	a := start(t, app.Config{Settings: c})
	code, _ := get(t, a, "/debug/pprof/")
	require.Equal(t, http.StatusNotFound, code, "not where the API is")
	for host, status := range map[string]int{c.DebugListen: http.StatusOK, "localhost": http.StatusOK, "page.example": http.StatusForbidden} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.DebugListen+"/debug/pprof/goroutine?debug=1", nil)
		require.NoError(t, err)
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, host)
	}

	taken := settings(t, "http://127.0.0.1:1")
	taken.DebugListen = c.DebugListen
	b, err := app.New(app.Config{Settings: taken})
	require.NoError(t, err)
	require.ErrorContains(t, b.Start(t.Context()), "set BOTGATE_DEBUG_LISTEN")

	c.DebugListen = "0.0.0.0:6060"
	require.ErrorContains(t, c.Validate(), "BOTGATE_DEBUG_LISTEN: must be on loopback")
}

func TestMetricsSayWhichBuild(t *testing.T) {
	t.Parallel()
	a := start(t, app.Config{Settings: settings(t, "http://127.0.0.1:1")})
	_, body := get(t, a, "/metrics")
	require.Regexp(t, `botgate_build_info\{goversion="go[^"]*",revision="[^"]+",version="[^"]+"\} 1`, body)
	require.Contains(t, body, "go_sched_latencies_seconds_bucket")
}
