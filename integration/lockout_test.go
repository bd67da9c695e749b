package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLockoutIsLifted by the command, which asks the running gateway.
func TestLockoutIsLifted(t *testing.T) {
	for name, start := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			s.config = s.caddyfileWith(t, "\t\trevocation\n", "\t\trevocation\n\t\tlockout 3 1m 10m\n")
			start(s)
			lockOutAndLift(t, s)
		})
	}
}

func lockOutAndLift(t *testing.T, s *stack) {
	t.Helper()
	ask := func(token string) int {
		a, err := send(http.MethodGet, s.base+"/v1/events", http.Header{"Authorization": {"Bearer " + token}}, nil)
		require.NoError(t, err)
		return a.status
	}
	good := s.token("ada")
	bad := good[:strings.LastIndex(good, ".")] + "." + strings.Repeat("A", 43)
	for range 3 {
		require.Equal(t, 401, ask(bad))
	}
	require.Equal(t, 429, ask(good))
	list, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "lockout", "list")
	require.Zero(t, code, stderr)
	require.Contains(t, list, "127.0.0.1")
	_, stderr, code = run(t, s.dir, s.env, "", gatewayBinary, "lockout", "lift", "192.0.2.1")
	require.NotZero(t, code)
	require.Contains(t, stderr, "not locked out")
	_, stderr, code = run(t, s.dir, s.env, "", gatewayBinary, "lockout", "lift", "127.0.0.1")
	require.Zero(t, code, stderr)
	require.Equal(t, 200, ask(good))
}
