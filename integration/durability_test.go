package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load sends commands until it has n acceptances, from many senders, over crashes: what
// was not answered with 202 is sent again with the same key, as clients do. A gateway that
// was killed blocks the keys that it worked on for a moment: they are answered with 409.
type load struct {
	s *stack
	// rest is what each sender waits between two commands.
	rest time.Duration
	done chan struct{}
	err  error

	mu sync.Mutex
	// accepted are the ids that were answered with 202.
	accepted map[string]bool
	// refused counts the requests that were answered otherwise, unanswered those that were
	// not answered at all.
	refused, unanswered atomic.Int64
	// firstRefusal says what the first of either was.
	firstRefusal atomic.Value
	stopped      atomic.Bool
}

const senders = 64

// startLoad starts sending as fast as it goes; err is valid once done is closed.
func startLoad(s *stack, n int) *load {
	return (&load{s: s}).start(n, senders)
}

// startSteadyLoad starts what a machine that is busy with other tests can answer, for tests of what happens to
// connections; the chaos tests have the whole load.
func startSteadyLoad(s *stack, n int) *load {
	if chaosWanted() {
		return startLoad(s, n)
	}
	return (&load{s: s, rest: 100 * time.Millisecond}).start(n, senders/4)
}

func (l *load) start(n, senders int) *load {
	l.accepted, l.done = map[string]bool{}, make(chan struct{})
	keys := make(chan int, n)
	for i := range n {
		keys <- i
	}
	close(keys)
	results := make(chan error, senders)
	for range senders {
		go func() { results <- l.sender(keys) }()
	}
	go func() {
		defer close(l.done)
		for range senders {
			l.err = errors.Join(l.err, <-results)
		}
	}()
	return l
}

// crashWhile runs crash a few times, each at a random moment of the load's progress, and
// waits for the load's end.
func (l *load) crashWhile(t *testing.T, crashes, total int, crash func()) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed of the crashes: %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	share := total / (crashes + 1)
	for i := range crashes {
		threshold := i*share + random.IntN(share) + 1
		eventually(t, func() error {
			if n := l.count(); n < threshold {
				return fmt.Errorf("%d of %d accepted", n, total)
			}
			return nil
		})
		crash()
	}
	<-l.done
	require.NoError(t, l.err)
}

func (l *load) sender(keys <-chan int) error {
	for key := range keys {
		if l.stopped.Load() {
			return nil
		}
		// A user each, so that nobody meets the rate limit.
		token := l.s.token(fmt.Sprintf("user-%d", key%500))
		deadline := time.Now().Add(3 * patience)
		for {
			a, err := l.s.command(token, fmt.Sprintf("key-%d", key), numbered(key))
			if err == nil && a.status == http.StatusAccepted {
				l.accept(a)
				<-time.After(l.rest)
				break
			}
			l.firstRefusal.CompareAndSwap(nil, fmt.Sprintf("status %d, error %v: %s", a.status, err, a.body))
			if err != nil {
				l.unanswered.Add(1)
			} else {
				l.refused.Add(1)
			}
			if err == nil && a.status < 500 && a.status != http.StatusTooManyRequests && a.status != http.StatusConflict {
				return fmt.Errorf("command %d was answered with %d: %s", key, a.status, a.body)
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("command %d was never accepted: %w", key, err)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	return nil
}

// stop ends the load before it has all its acceptances, and waits for what is under way.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.stopped.Store(true)
	<-l.done
	require.NoError(t, l.err)
}

// requireNoGap finds that each request was answered, and with success.
func (l *load) requireNoGap(t *testing.T) {
	t.Helper()
	require.Zero(t, l.refused.Load(), "no request was refused: %v", l.firstRefusal.Load())
	if kernelMigratesConnections() {
		require.Zero(t, l.unanswered.Load(), "no connection was lost: %v", l.firstRefusal.Load())
	}
}

func (l *load) accept(a answer) {
	id := a.header.Get("Location")[len("/v1/events/"):]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted[id] = true
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// requireAll finds every accepted event recorded once and delivered.
func (l *load) requireAll(t *testing.T) {
	t.Helper()
	eventuallyAll(t, l.count(), "events at the bot", l.s.bot.distinct)
	eventuallyAll(t, l.count(), "recorded events", func() int { return len(l.s.recorded()) })
	times := map[string]int{}
	for _, r := range l.s.recorded() {
		times[r.Event.ID]++
	}
	require.Len(t, times, l.count())
	for id := range l.accepted {
		require.Equal(t, 1, times[id], "event %s is stored once", id)
	}
}

// TestKilledGatewayLosesNothing kills the one process that does everything, again and
// again, while thousands of events are accepted.
func TestKilledGatewayLosesNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	total := 2_000
	if chaosWanted() {
		total = 5_000
	}
	l := startLoad(s, total)
	l.crashWhile(t, 4, total, func() {
		s.gateway.kill()
		s.startGateway()
	})
	l.requireAll(t)
}

// TestNothingIsClaimedWithoutTheQueue stops the broker and starts it again, from a gateway that
// does not spool.
func TestNothingIsClaimedWithoutTheQueue(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ON_BROKER_ERROR=reject")
	s.startServicesAlone()
	token := s.token("alice")
	s.rabbit.AwaitQueues("botgate.record", "botgate.bot.demo")
	s.rabbit.Kill()
	a, err := s.command(token, "", hello)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusServiceUnavailable, "queue-unavailable")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	requireProblem(t, s.ask("alice", "back", hello), http.StatusServiceUnavailable, "queue-unavailable")
	requireProblem(t, s.ping("back"), http.StatusServiceUnavailable, "queue-unavailable")
	ready, err := send(http.MethodGet, s.base+"/readyz", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	alive, err := send(http.MethodGet, s.base+"/healthz", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, alive.status)

	s.rabbit.Restart()
	s.waitReady(s.base, s.gateway)
	// What was refused is no repeat when it comes again.
	for _, again := range []func() answer{func() answer { return s.ask("alice", "back", hello) }, func() answer { return s.ping("back") }} {
		eventually(t, func() error {
			a := again()
			if a.status != http.StatusAccepted {
				return fmt.Errorf("answered %d: %s", a.status, a.body)
			}
			require.False(t, replayed(a))
			return nil
		})
	}
	eventually(t, func() error {
		if s.bot.distinct() != 2 {
			return fmt.Errorf("the bot got %d", s.bot.distinct())
		}
		return nil
	})
}
