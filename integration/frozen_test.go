package integration

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shortLease is the shortest that there is, by far less than what freezes in these tests.
const shortLease = `{"lease":"10s","wait":"20s"}`

// TestFrozenPoller has a poller say nothing for longer than its lease: another one gets the event, alone, and what the first
// one says then changes nothing.
func TestFrozenPoller(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*stack){"embedded": (*stack).startEmbedded, "services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			s.writePullBots(1)
			begin(s)
			demo := s.poller("demo")
			first, second := s.accept("alice", hello), s.accept("alice", hello)
			frozen := s.mustPull(demo, "demo/receive", shortLease)
			require.Equal(t, first, frozen.Events[0].Event.ID)

			again := s.mustPull(demo, "demo/receive", `{"lease":"15m","wait":"20s"}`)
			require.False(t, time.Now().Before(frozen.Events[0].LeaseUntil), "nobody gets it before the lease is over")
			require.Equal(t, first, again.Events[0].Event.ID, "it goes before what comes after it")
			require.Equal(t, 1, again.Events[0].Attempt, "silence costs nothing")
			s.requireStale(demo, frozen.Events[0].Receipt)
			nothing, err := s.pull(demo, "demo/receive", `{"wait":"1s"}`)
			require.NoError(t, err)
			require.Empty(t, nothing.Events, "the other one still has it")
			s.requireAcknowledged(demo, again, first)
			s.requireAcknowledged(demo, s.mustPull(demo, "demo/receive", `{}`), second)
		})
	}
}

// requireStale has all that can be said with a receipt be refused.
func (s *stack) requireStale(poller http.Header, receipt string) {
	s.t.Helper()
	for _, outcome := range []string{"extend", "ack", "retry", "dead"} {
		eventually(s.t, func() error { // Whoever gave it may be about to come back.
			got, err := s.pull(poller, "demo/settle", settleBody(receipt, outcome))
			if err == nil && got.Settled[0].Status == "unavailable" {
				err = fmt.Errorf("%s is unavailable", outcome)
			}
			if err == nil {
				require.Equal(s.t, "lost", got.Settled[0].Status, outcome)
			}
			return err
		})
	}
}

// requireAcknowledged acknowledges the event that a poller has, which is delivered by that, at the first attempt.
func (s *stack) requireAcknowledged(poller http.Header, has pulled, id string) {
	s.t.Helper()
	require.Len(s.t, has.Events, 1)
	require.Equal(s.t, id, has.Events[0].Event.ID)
	got, err := s.pull(poller, "demo/settle", settleBody(has.Events[0].Receipt, "ack"))
	require.NoError(s.t, err)
	require.Equal(s.t, "ok", got.Settled[0].Status)
	var shown struct{ Attempts []struct{ Status string } }
	s.awaitStatus(id, "delivered").json(s.t, &shown)
	require.Len(s.t, shown.Attempts, 1)
}

// TestFrozenOwner stops the process that lent an event for longer than the lease, and the broker's patience: the next owner
// of the bot's queue lends it, and what the first one's receipt says changes nothing, while that is stopped and afterwards.
func TestFrozenOwner(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.writeWorkers(map[string][]string{"demo": nil})
	s.startServices()
	owner := s.backends[2]
	s.awaitOwned([]*process{owner}, 1)
	demo := s.poller("demo")
	first, second := s.accept("alice", hello), s.accept("alice", hello)
	old := s.mustPull(demo, "demo/receive", shortLease)
	require.Equal(t, first, old.Events[0].Event.ID)

	require.NoError(t, owner.cmd.Process.Signal(syscall.SIGSTOP))
	next := s.dispatcher(2)
	s.awaitOwned([]*process{next}, 1)
	again := s.mustPull(demo, "demo/receive", `{"lease":"15m","wait":"20s"}`)
	require.Equal(t, first, again.Events[0].Event.ID)
	eventually(t, func() error {
		if left := time.Until(old.Events[0].LeaseUntil); left > 0 {
			return fmt.Errorf("the lease goes on for %s", left)
		}
		return nil
	})
	require.NoError(t, owner.cmd.Process.Signal(syscall.SIGCONT))
	s.requireStale(demo, old.Events[0].Receipt)
	s.requireAcknowledged(demo, again, first)
	s.requireAcknowledged(demo, s.mustPull(demo, "demo/receive", `{}`), second)
}
