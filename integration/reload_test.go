package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const reloads = 20

// TestReload reloads the configuration under load and finds that no request was refused,
// and that neither connections nor goroutines nor open files have grown.
func TestReload(t *testing.T) {
	forEachEngine(t, func(t *testing.T, s *stack) {
		// The first load fills the pools, which is no leak.
		warm := startLoad(s, 3_000)
		reload(t, s)
		<-warm.done
		require.NoError(t, warm.err)
		httpClient.CloseIdleConnections()
		before := s.footprint()
		l := startLoad(s, 3_000)
		for range reloads {
			reload(t, s)
		}
		<-l.done
		require.NoError(t, l.err)
		require.Zero(t, l.refused.Load(), "no request was refused during a reload")
		l.requireAll(t)
		eventually(t, func() error {
			httpClient.CloseIdleConnections()
			after := s.footprint()
			// What a reload leaks it leaks each time; a few more are the load's own.
			if after.goroutines > before.goroutines+reloads/2 || after.files > before.files+reloads/2 {
				return fmt.Errorf("before %+v, after %+v", before, after)
			}
			return nil
		})
	})
}

// reload gives the gateway a configuration that differs a little from the last one.
func reload(t *testing.T, s *stack) {
	t.Helper()
	caddyfile, err := os.ReadFile("../Caddyfile")
	require.NoError(t, err)
	s.reloads++
	changed := regexp.MustCompile(`(?m)^\tmetrics$`).ReplaceAllString(string(caddyfile), "\tmetrics\n\tgrace_period "+strconv.Itoa(s.reloads+5)+"s")
	require.NotEqual(t, string(caddyfile), changed)
	path := filepath.Join(s.dir, "Caddyfile")
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
	_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "reload", "--config", path, "--address", s.admin)
	require.Zero(t, code, stderr)
}

// footprint is what a process holds.
type footprint struct{ goroutines, files int }

var goroutineLine = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

func (s *stack) footprint() footprint {
	s.t.Helper()
	a, err := send(http.MethodGet, "http://"+s.admin+"/metrics", nil, nil)
	require.NoError(s.t, err)
	match := goroutineLine.FindSubmatch(a.body)
	require.NotNil(s.t, match)
	goroutines, err := strconv.Atoi(string(match[1]))
	require.NoError(s.t, err)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.gateway.cmd.Process.Pid))
	if os.IsNotExist(err) {
		return footprint{goroutines: goroutines}
	}
	require.NoError(s.t, err)
	return footprint{goroutines, len(files)}
}

// TestMetricsSurviveReloads finds the modules' counters on the admin endpoint.
func TestMetricsSurviveReloads(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	a, err := s.command(s.token("alice"), "", hello)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status)
	reload(t, s)
	a, err = send(http.MethodGet, "http://"+s.admin+"/metrics", nil, nil)
	require.NoError(t, err)
	for _, line := range []string{
		`botgate_enqueue_requests_total{outcome="accepted"} 1`,
		`botgate_jwt_requests_total{outcome="verified"} 1`,
	} {
		require.Contains(t, string(a.body), line)
	}
}
