package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLockoutIsLifted by the command, which asks the running gateway. Gateways with the same Redis refuse and let in
// together.
func TestLockoutIsLifted(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			s.config = s.caddyfileWith(t, "lockout 300 1m 1m", "lockout 3 1m 10m")
			start(s)
			lockOutAndLift(t, s)
			if s.redis != nil {
				lockOutOnOneAndLiftOnTheOther(t, s, s.secondGateway())
			}
		})
	}
}

// lockOut fails at the gateway until it refuses a good token.
func lockOut(t *testing.T, s *stack) {
	t.Helper()
	good := s.token("ada")
	bad := good[:strings.LastIndex(good, ".")] + "." + strings.Repeat("A", 43)
	for range 3 {
		require.Equal(t, 401, s.listWith(bad))
	}
	require.Equal(t, 429, s.listWith(good))
}

// listWith asks for the events with a token, and returns the status.
func (s *stack) listWith(token string) int {
	s.t.Helper()
	a, err := send(http.MethodGet, s.base+"/v1/events", bearer(token), nil)
	require.NoError(s.t, err)
	return a.status
}

// becomes waits until the gateway answers a good token so: what another one did takes a second.
func (s *stack) becomes(status int) {
	s.t.Helper()
	good := s.token("ada")
	eventually(s.t, func() error {
		if got := s.listWith(good); got != status {
			return fmt.Errorf("want %d, got %d", status, got)
		}
		return nil
	})
}

func lockOutOnOneAndLiftOnTheOther(t *testing.T, one, other *stack) {
	t.Helper()
	require.Equal(t, 200, other.listWith(other.token("ada")))
	lockOut(t, one)
	other.becomes(429)
	for _, s := range []*stack{one, other} {
		list, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "lockout", "list")
		require.Zero(t, code, stderr)
		require.Contains(t, list, "127.0.0.1")
	}
	_, stderr, code := run(t, other.dir, other.env, "", gatewayBinary, "lockout", "lift", "127.0.0.1")
	require.Zero(t, code, stderr)
	require.Equal(t, 200, other.listWith(other.token("ada")))
	one.becomes(200)
	list, stderr, code := run(t, one.dir, one.env, "", gatewayBinary, "lockout", "list")
	require.Zero(t, code, stderr)
	require.NotContains(t, list, "127.0.0.1")
}

func lockOutAndLift(t *testing.T, s *stack) {
	t.Helper()
	lockOut(t, s)
	list, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "lockout", "list")
	require.Zero(t, code, stderr)
	require.Contains(t, list, "127.0.0.1")
	_, stderr, code = run(t, s.dir, s.env, "", gatewayBinary, "lockout", "lift", "192.0.2.1")
	require.NotZero(t, code)
	require.Contains(t, stderr, "not locked out")
	_, stderr, code = run(t, s.dir, s.env, "", gatewayBinary, "lockout", "lift", "127.0.0.1")
	require.Zero(t, code, stderr)
	require.Equal(t, 200, s.listWith(s.token("ada")))
}
