package integration

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEmbeddedQueueIsFull fills the embedded queue while nobody consumes it: requests are refused until
// somebody does, and what was accepted is delivered.
func TestEmbeddedQueueIsFull(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_HISTORY=off")
	s.config = s.caddyfileWith(t, "queue {$BOTGATE_QUEUE_URL}", "queue {$BOTGATE_QUEUE_URL} {\n max_size 1MB\n}")
	consuming := s.env
	s.env = append(s.env, "BOTGATE_ROLES=none")
	s.startGateway()
	body := fmt.Appendf(nil, `{"command":"/large","args":["%050000d"]}`, 0)
	token, accepted := s.token("alice"), 0
	for ; ; accepted++ {
		require.Less(t, accepted, 100)
		a, err := s.command(token, "", body)
		require.NoError(t, err)
		if a.status != http.StatusAccepted {
			requireProblem(t, a, http.StatusServiceUnavailable, "queue-unavailable")
			require.NotEmpty(t, a.header.Get("Retry-After"))
			break
		}
	}
	require.Greater(t, accepted, 5)
	eventually(t, func() error {
		if !strings.Contains(s.gateway.output.String(), "(option queue, max_size)") {
			return errors.New("the log does not name the option")
		}
		return nil
	})
	s.gateway.stop()

	s.env = consuming
	s.startGateway()
	eventually(t, func() error {
		a, err := s.command(token, "", hello)
		if err == nil && a.status != http.StatusAccepted {
			err = fmt.Errorf("answered %d", a.status)
		}
		return err
	})
	s.awaitReceived(accepted + 1)
}
