package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
)

// preferring sends a command whose sender waits for the bot's answer.
func (s *stack) preferring(prefer, key string) (a answer, id string) {
	s.t.Helper()
	header := bearer(s.token("alice"))
	header.Set("Prefer", prefer)
	header.Set("Idempotency-Key", key)
	a, err := send(http.MethodPost, s.base+"/v1/bots/demo/commands", header, hello)
	require.NoError(s.t, err)
	return a, strings.TrimPrefix(a.header.Get("Location"), "/v1/events/")
}

// TestClientsWaitForTheBot has clients wait for a bot that takes an event at the second attempt, and the next one when it
// is back only; where there are services, at two gateways.
func TestClientsWaitForTheBot(t *testing.T) {
	t.Parallel()
	var back atomic.Bool
	answersTo(t, bots.KeepAll, func(w http.ResponseWriter, n int) {
		if n != 2 && n != 3 && !back.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, "<p>%t</p>", back.Load())
	}, func(t *testing.T, s *stack) {
		back.Store(false)
		second := s
		if !s.embedded() {
			second = s.secondGateway()
		}
		for n, key := range []string{"first", "first", "second"} {
			gateway := s
			if n == 2 {
				gateway = second
			}
			a, _ := gateway.preferring("respond-async, wait=30", key)
			require.Equal(t, http.StatusOK, a.status, "%s", a.body)
			require.Equal(t, "<p>false</p>", string(a.body))
			require.Equal(t, "text/html", a.header.Get("Content-Type"))
			require.Equal(t, "sandbox; default-src 'none'", a.header.Get("Content-Security-Policy"))
			require.Equal(t, "wait=30", a.header.Get("Preference-Applied"))
			require.Equal(t, n == 1, a.header.Get("Idempotency-Replayed") == "true")
		}
		a, id := second.preferring("wait=1", "late")
		require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		require.Empty(t, a.header.Get("Preference-Applied"))
		back.Store(true)
		a = s.get(bearer(s.token("alice")), "/v1/events/"+id+"/answer?wait=30s")
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.Equal(t, "<p>true</p>", string(a.body))
	})
}
