package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

// outcomeUsers send the commands of these tests.
const outcomeUsers = 10

// acceptNumbered has the users send commands, numbered from first to end, and returns their number.
func (s *stack) acceptNumbered(first, end int) int {
	s.t.Helper()
	for user := range outcomeUsers {
		require.NoError(s.t, sendInOrder(s, fmt.Sprintf("user-%d", user), first, end))
	}
	return outcomeUsers * (end - first)
}

// waiting is how many messages a queue has, ready or in flight.
func (s *stack) waiting(queue string) int {
	s.t.Helper()
	for line := range strings.Lines(s.rabbit.Rabbitmqctl("list_queues", "--quiet", "--no-table-headers", "name", "messages")) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == queue {
			n, err := strconv.Atoi(fields[1])
			require.NoError(s.t, err)
			return n
		}
	}
	return -1
}

func (s *stack) awaitWaiting(queue string, want int) {
	s.t.Helper()
	eventually(s.t, func() error {
		if n := s.waiting(queue); n != want {
			return fmt.Errorf("queue %s has %d messages, want %d", queue, n, want)
		}
		return nil
	})
}

func (s *stack) awaitReceived(want int) {
	s.t.Helper()
	eventually(s.t, func() error {
		if n := s.bot.distinct(); n < want {
			return fmt.Errorf("the bot has %d of %d events", n, want)
		}
		return nil
	})
}

// requireOnce finds that the bot got each event once, in its order, and that the log says so.
func (s *stack) requireOnce(total int) {
	s.t.Helper()
	s.awaitReceived(total)
	eventually(s.t, func() error {
		delivered := 0
		for _, r := range s.recorded() {
			if r.Status == event.StatusDelivered {
				delivered++
			}
		}
		if delivered != total {
			return fmt.Errorf("the log has %d of %d events as delivered", delivered, total)
		}
		return nil
	})
	require.Len(s.t, s.bot.all(), total, "none is delivered twice")
	requireInOrder(s.t, s.bot)
}

// TestChaosAlarm has RabbitMQ take no publishes while events wait for a bot, and kills dispatch
// meanwhile: the bot gets all of them during the alarm, and none twice.
func TestChaosAlarm(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startServicesAlone()
	s.backends[2].kill()
	perUser, half := 60, 250
	total := s.acceptNumbered(0, perUser)
	var taken atomic.Int64
	taken.Store(int64(half))
	s.bot.failWith(func(delivered) int {
		if taken.Add(-1) < 0 {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	s.rabbit.Rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1")
	began := time.Now()
	s.reviveDispatch()
	s.awaitReceived(half)
	s.awaitWaiting("botgate.bot.demo", total-half)
	s.backends[2].kill()

	s.bot.failWith(nil)
	s.reviveDispatch()
	s.awaitReceived(total)
	s.awaitWaiting("botgate.bot.demo", 0)
	if chaosWanted() {
		<-time.After(time.Until(began.Add(2 * time.Minute)))
	}
	require.Len(t, s.bot.all(), total)
	s.rabbit.Rabbitmqctl("set_vm_memory_high_watermark", "0.3")
	total += s.acceptNumbered(perUser, perUser+2)
	s.requireOnce(total)
}

// TestChaosRecordAtItsLimit takes the database away until the queue of record is full: bots get
// their events all the same, none twice, and the log has everything in the end.
func TestChaosRecordAtItsLimit(t *testing.T) {
	t.Parallel()
	database := testsvc.StartPostgres(t)
	s := newStack(t)
	s.database = database.URL
	s.startServicesAlone()
	total := s.acceptNumbered(0, 2)
	s.requireOnce(total)
	s.backends[2].kill()
	total += s.acceptNumbered(2, 22)
	s.awaitWaiting("botgate.record", 0)

	database.Kill()
	s.rabbit.Rabbitmqctl("set_policy", "limit", `^botgate\.record$`, `{"max-length":40}`, "--apply-to", "queues")
	s.reviveDispatch()
	s.awaitReceived(total)
	s.awaitWaiting("botgate.bot.demo", 0)
	s.backends[2].kill()
	s.reviveDispatch()
	s.waitReady(s.backends[2].base, s.backends[2])
	database.Restart()
	s.requireOnce(total)
}
