package integration

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestMetricsSite has metrics and probes at an address that has nothing else.
func TestMetricsSite(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	address := testsvc.FreeAddresses(t, 1)[0]
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	s.env = append(s.env, "BOTGATE_METRICS_BIND="+host, "BOTGATE_METRICS_PORT="+port, "BOTGATE_SHUTDOWN_DELAY=5m")
	s.startEmbedded()
	here := *s
	here.base = "http://" + address
	for path, want := range map[string]string{
		"/metrics": "\nbotgate_build_info{", "/healthz": `"ok"`, "/readyz": `"queue":"ok"`, "/readyz/self": `"ready"`,
	} {
		a, err := send(http.MethodGet, here.base+path, nil, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, path)
		require.Contains(t, string(a.body), want, path)
		require.NotEmpty(t, a.header.Get("X-Request-Id"), path)
		requireSecurityHeaders(t, a.header)
	}
	for path, status := range map[string]int{"/v1/events": 404, "/hooks/demo/github": 404, "/config/": 404, "/healthz": 405} {
		a, err := send(http.MethodPost, here.base+path, bearer(s.token("alice")), hello)
		require.NoError(t, err)
		require.Equal(t, status, a.status, path)
		requireProblem(t, a, status, "")
	}
	stdout, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "health")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "ready")

	second := newStack(t)
	second.requireRefused("in use", "BOTGATE_METRICS_BIND="+host, "BOTGATE_METRICS_PORT="+port)
	_, public, err := net.SplitHostPort(strings.TrimPrefix(second.base, "http://"))
	require.NoError(t, err)
	second.requireRefused("has a port", "BOTGATE_METRICS_BIND="+address)
	second.requireRefused("two sites", "BOTGATE_METRICS_BIND=0.0.0.0", "BOTGATE_METRICS_PORT="+public)

	require.NoError(t, s.gateway.cmd.Process.Signal(syscall.SIGTERM))
	here.requireStopping(s.gateway)
}

// requireRefused finds that the gateway does not start, and which option it names.
func (s *stack) requireRefused(why string, env ...string) {
	s.t.Helper()
	_, stderr, code := run(s.t, s.dir, append(s.env, env...), "", gatewayBinary, "run", "--config", s.config)
	require.NotZero(s.t, code)
	require.Contains(s.t, stderr, why)
	require.Contains(s.t, stderr, "BOTGATE_METRICS_PORT")
}
