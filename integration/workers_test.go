package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSDKWorkers has the worker of each SDK do jobs: what it answers is kept, what it refuses is dead, and what it can't
// end before a stop goes back at once.
func TestSDKWorkers(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	programs := s.sdkPrograms("worker")
	s.writeWorkers(programs)
	s.startEmbedded()
	for name, command := range programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := s.poller(name)
			worker := start(t, s.dir, []string{"BOT_TOKEN=" + token.Get("Authorization")[len("Bearer "):]}, command[0],
				append(command[1:], s.base, name)...)
			done, refused := s.job(name, `{"pages":2}`), s.job(name, `{"pages":0}`)
			require.JSONEq(t, `{"pages":2}`, s.awaitAnswer(done))
			s.awaitStatus(refused, "dead")
			require.Contains(t, worker.output.String(), fmt.Sprintf("worker: 2 pages for alice, attempt 1 of event %s", done))

			endless := s.job(name, `{"pages":1000}`)
			eventually(t, func() error {
				shown := s.get(bearer(s.token("alice")), "/v1/events/"+endless)
				if !strings.Contains(string(shown.body), `"status":"progress","at":`) || !strings.Contains(string(shown.body), `"percent":5`) {
					return fmt.Errorf("no progress of %s: %s", name, shown.body)
				}
				return nil
			})
			require.Zero(t, worker.stop())
			require.Contains(t, worker.output.String(), "The worker has given back what it had")
			next := s.mustPull(token, name+"/receive", `{}`)
			require.Equal(t, endless, next.Events[0].Event.ID)
			require.Equal(t, 2, next.Events[0].Attempt)
		})
	}
}

// writeWorkers has bots pull that are named like workers, and keeps what they answer.
func (s *stack) writeWorkers(workers map[string][]string) {
	s.t.Helper()
	bots := map[string]any{}
	for name := range workers {
		bots[name] = map[string]any{"pull": true, "keep_answers": "all"}
	}
	raw, err := json.Marshal(map[string]any{"bots": bots})
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), raw, 0o600))
}

// job is the id of a command with these arguments.
func (s *stack) job(bot, args string) string {
	s.t.Helper()
	body := fmt.Appendf(nil, `{"command":"/report","args":%s}`, args)
	a, err := s.commandOf(bot, s.token("alice"), "", body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusAccepted, a.status, "%s", a.body)
	return a.header.Get("Location")[len("/v1/events/"):]
}

// awaitAnswer is what the bot said to an event.
func (s *stack) awaitAnswer(id string) string {
	s.t.Helper()
	var shown struct {
		Attempts []struct{ Answer struct{ Body string } }
	}
	s.awaitStatus(id, "delivered").json(s.t, &shown)
	require.NotEmpty(s.t, shown.Attempts)
	return shown.Attempts[len(shown.Attempts)-1].Answer.Body
}
