package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFailureBehindTheGatewayIsLogged asks for events while nothing answers as the API.
func TestFailureBehindTheGatewayIsLogged(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ROLES=none")
	s.startGateway()
	a, err := send(http.MethodGet, s.base+"/v1/events?access_token=private", bearer(s.token("alice")), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadGateway, a.status)
	eventually(t, func() error {
		for line := range strings.Lines(s.gateway.output.String()) {
			if strings.Contains(line, "bot_log_errors") {
				require.Contains(t, line, `"level":"warn"`)
				require.Contains(t, line, `"status":502`)
				require.Contains(t, line, s.api[len("http://"):])
				require.NotContains(t, line, "private")
				return nil
			}
		}
		return fmt.Errorf("no line about it: %s", tail(s.gateway.output.String(), 2000))
	})
}
