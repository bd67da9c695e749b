package integration

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStopping begins with not being ready: who sends requests is to notice before anything is refused.
func TestStopping(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			s.env = append(s.env, "BOTGATE_SHUTDOWN_DELAY=5m") // Longer than the test: it kills them.
			begin(s)
			for _, p := range s.backends {
				s.waitReady(cmp.Or(p.base, s.api), p)
			}
			for _, p := range append(s.backends, s.gateway) {
				require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
				s.requireStopping(p)
			}
			token := s.token("user-1")
			a, err := s.command(token, "while-it-stops", []byte(`{"command":"/start"}`))
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, a.status, a.body)
			var accepted struct{ ID string }
			a.json(t, &accepted)
			eventually(t, func() error {
				if status, a := s.eventStatus(token, accepted.ID); status != "delivered" {
					return fmt.Errorf("the event is %q: %s", status, a.body)
				}
				return nil
			})
		})
	}
}

// requireStopping waits until the process is not ready and says why.
func (s *stack) requireStopping(p *process) {
	s.t.Helper()
	base := cmp.Or(p.base, s.api)
	if p == s.gateway {
		base = s.base
	}
	for _, path := range []string{"/readyz/self", "/readyz"} {
		eventually(s.t, func() error {
			a, err := send(http.MethodGet, base+path, nil, nil)
			if err == nil && (a.status != http.StatusServiceUnavailable || !strings.Contains(string(a.body), "stopping")) {
				err = fmt.Errorf("%s answers %d %s", path, a.status, a.body)
			}
			return err
		})
	}
	a, err := send(http.MethodGet, base+"/healthz", nil, nil)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, a.status)
}
