package integration

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// TestHeldEvent has a bot with on_dead hold refuse an event for good: the next one of its order key waits,
// other keys and another bot go on, also after the process was killed. Once the bot takes it and somebody
// asks, both go in order; and one that is given up is dead, and the next one goes.
func TestHeldEvent(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*stack){
		"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			other := newBot(t, filepath.Join(s.dir, "data", "demo-bot.secret"))
			content := fmt.Sprintf(`{"bots":{
				"demo":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"on_dead":"hold"},
				"other":{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"]}}}`,
				s.bot.server.URL+"/events", other.server.URL+"/events")
			require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), []byte(content), 0o600))
			start(s)
			var well atomic.Bool
			refused := make(chan string, 1000)
			s.bot.failWith(func(d delivered) int {
				if !strings.Contains(string(d.body), "refused") || well.Load() {
					return 0
				}
				refused <- d.id
				return http.StatusGone
			})
			s.requireHeld(t, other, refused, &well)
			s.requireGivenUp(t, refused)
		})
	}
}

func (s *stack) requireHeld(t *testing.T, other *bot, refused <-chan string, well *atomic.Bool) {
	t.Helper()
	first := s.accept("alice", []byte(`{"command":"/refused"}`))
	second := s.accept("alice", hello)
	require.Equal(t, first, <-refused)
	require.Contains(t, string(s.awaitStatus(first, "failed").body), "held: refused for good: the bot answered 410")
	s.killDispatch()
	eventually(t, func() error {
		s.askFor("/v1/bots/demo/retry")
		select {
		case <-refused:
			return nil
		default:
			return errors.New("who takes over did not try it")
		}
	})
	s.awaitStatus(first, "failed")
	s.awaitStatus(s.accept("bob", hello), "delivered")
	s.commandTo("other", "alice", 1)
	eventually(t, func() error {
		if other.distinct() != 1 {
			return fmt.Errorf("the other bot has nothing")
		}
		return nil
	})
	require.False(t, s.bot.has(first))
	require.False(t, s.bot.has(second))

	well.Store(true)
	s.repeatUntil("delivered", first, "/v1/bots/demo/retry")
	s.awaitStatus(second, "delivered")
	var order []string
	for _, d := range s.bot.all() {
		if d.id == first || d.id == second {
			order = append(order, d.id)
		}
	}
	require.Equal(t, []string{first, second}, order)
	well.Store(false)
}

func (s *stack) requireGivenUp(t *testing.T, refused <-chan string) {
	t.Helper()
	first := s.accept("alice", []byte(`{"command":"/refused"}`))
	second := s.accept("alice", hello)
	for id := <-refused; id != first; {
		id = <-refused
	}
	s.awaitStatus(first, "failed")
	require.False(t, s.bot.has(second))
	reader, err := send(http.MethodPost, s.base+"/v1/bots/demo/give-up?event="+first, bearer(s.token("alice")), nil)
	require.NoError(t, err)
	requireProblem(t, reader, http.StatusForbidden, "insufficient-scope")
	s.requireGivenUpBy(t, first)
	s.awaitStatus(second, "delivered")
	require.Contains(t, s.dead("list"), first)

	third := s.accept("alice", []byte(`{"command":"/refused"}`))
	s.awaitStatus(third, "failed")
	s.repeatUntil("dead", third, "/v1/bots/demo/give-up?event="+third)
}

// requireGivenUpBy has the command give up an event.
func (s *stack) requireGivenUpBy(t *testing.T, first string) {
	t.Helper()
	eventually(t, func() error {
		_, stderr, code := run(t, s.dir, s.env, "", backendBinary, "give-up", "--bot", "demo", "--event", first)
		require.Zero(t, code, stderr)
		if status, _ := s.eventStatus(s.token("alice"), first); status != "dead" {
			return fmt.Errorf("the event is %s", status)
		}
		return nil
	})
}

// killDispatch kills the process that delivers, and starts another one.
func (s *stack) killDispatch() {
	s.t.Helper()
	if s.embedded() {
		s.gateway.kill()
		s.startGateway()
		return
	}
	s.backends[2].kill()
	s.reviveDispatch()
}

// repeatUntil asks the API for something until an event has the status.
func (s *stack) repeatUntil(want, id, path string) {
	s.t.Helper()
	eventually(s.t, func() error {
		s.askFor(path)
		if status, _ := s.eventStatus(s.token("alice"), id); status != want {
			return fmt.Errorf("the event is %s", status)
		}
		return nil
	})
}

// askFor asks the API for something with the scope that it takes.
func (s *stack) askFor(path string) {
	s.t.Helper()
	a, err := send(http.MethodPost, s.base+path, bearer(s.tokenWith(jwt.MapClaims{"scope": "events:admin"})), nil)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusNoContent, a.status, "%s", a.body)
}
