package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// TestPausedBot has what is for a bot wait over a restart, while another one gets its events, whatever the queue is.
func TestPausedBot(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*stack){"embedded": (*stack).startEmbedded, "services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.twoBots()
			begin(s)
			s.requirePauses()
		})
	}
}

func (s *stack) requirePauses() {
	s.t.Helper()
	admin := bearer(s.tokenWith(jwt.MapClaims{"sub": "officer", "scope": "events:read events:admin"}))
	post := func(action string) answer {
		a, err := send(http.MethodPost, s.base+"/v1/bots/demo/"+action, admin, nil)
		require.NoError(s.t, err)
		return a
	}
	s.awaitStatus(s.accept("alice", hello), "delivered") // Where others deliver, a bot is known by its events.
	eventually(s.t, func() error {                       // The table of the audit may be made after the others.
		if a := post("pause"); a.status != http.StatusOK {
			return fmt.Errorf("%d: %s", a.status, a.body)
		}
		return nil
	})
	if s.embedded() {
		require.Zero(s.t, s.gateway.stop())
		s.startGateway()
	} else {
		require.Zero(s.t, s.backends[2].stop())
		s.reviveDispatch()
	}
	shown := s.get(admin, "/v1/bots/demo")
	require.Contains(s.t, string(shown.body), `"pause":{"paused":true,`)
	require.Contains(s.t, string(shown.body), `"by":"officer"`)

	waits := s.accept("alice", hello)
	a, err := send(http.MethodPost, s.base+"/v1/bots/other/commands", bearer(s.token("alice")), hello)
	require.NoError(s.t, err)
	s.awaitStatus(strings.TrimPrefix(a.header.Get("Location"), "/v1/events/"), "delivered")
	require.Contains(s.t, string(s.get(admin, "/v1/events/"+waits).body), `"status":"accepted"`)
	require.Len(s.t, s.bot.all(), 1)

	require.Equal(s.t, http.StatusOK, post("resume").status)
	s.awaitStatus(waits, "delivered")
	test := post("test")
	require.Equal(s.t, http.StatusAccepted, test.status, "%s", test.body)
	s.awaitStatus(strings.TrimPrefix(test.header.Get("Location"), "/v1/events/"), "delivered")
	eventually(s.t, func() error {
		audited := string(s.get(admin, "/v1/audit?action=POST+/v1/bots/{bot}/pause").body)
		for _, part := range []string{`"by":"officer"`, `"issuer":"botgate"`, `"address":"127.0.0.1"`, `"status":200`} {
			if !strings.Contains(audited, part) {
				return fmt.Errorf("no %s in %s", part, audited)
			}
		}
		return nil
	})
}
