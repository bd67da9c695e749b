package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// TestPoison has an event kill the process that works on it, each time, until it is in the
// dead letters; the events around it reach the bot all the same.
func TestPoison(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		victim, revive := &s.gateway, s.reviveGateway
		if !s.embedded() {
			victim, revive = &s.backends[2], s.reviveDispatch
		}
		var prey atomic.Pointer[process]
		s.bot.failWith(func(d delivered) int {
			if !strings.Contains(string(d.body), "poison") {
				return 0
			}
			if p := prey.Load(); p != nil {
				_ = p.cmd.Process.Signal(syscall.SIGKILL)
			}
			return http.StatusServiceUnavailable
		})
		poison := s.accept("eve", []byte(`{"command":"/poison"}`))
		last := s.accept("eve", hello)
		var others []string
		for n := range 20 {
			others = append(others, s.accept(fmt.Sprintf("user-%d", n), hello))
		}
		prey.Store(*victim)

		crashes := 0
		deadline := time.After(3 * patience)
		for tick := time.Tick(20 * time.Millisecond); !s.bot.has(last); {
			select {
			case <-(*victim).ended:
				crashes++
				revive()
				prey.Store(*victim)
			case <-tick:
			case <-deadline:
				t.Fatalf("the event is still tried after %d crashes", crashes)
			}
		}
		prey.Store(nil)
		s.waitReady(s.base, s.gateway)
		require.GreaterOrEqual(t, crashes, queue.CrashLimit)
		s.awaitStatus(poison, "dead")
		for _, id := range append(others, last) {
			s.awaitStatus(id, "delivered")
		}
		var l deadLetter
		s.deadAPI(http.MethodGet, "/"+poison, http.StatusOK, &l)
		require.Contains(t, l.Reason, "delivery limit")
		require.Equal(t, 1, strings.Count(s.dead("list", "--json"), "\n"))
	})
}

// has reports whether the bot accepted an event.
func (b *bot) has(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ids[id]
}
