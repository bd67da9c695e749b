package spool

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

var (
	// backoff is the pause after a broker was unavailable.
	backoff = retry.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second, Jitter: .5}
	// laneBackoff is the pause after a queue of it did not take an event, eventBackoff that of the event:
	// the longer one, so that others are tried, too.
	laneBackoff  = retry.Backoff{Min: 200 * time.Millisecond, Max: 5 * time.Second, Jitter: .5}
	eventBackoff = retry.Backoff{Min: 500 * time.Millisecond, Max: time.Minute, Jitter: .5}
)

// lanePause is how often one lane's trouble is logged at most.
const lanePause = time.Minute

// lane is what goes to one queue of the broker: what Record gets, or Dispatch of one bot. Where a bot
// has several queues, they are one lane.
type lane struct {
	group queue.Group
	bot   string
}

func (d *drainer) lane(e *event.Event) lane { return laneOf(d.group, e) }

func laneOf(group queue.Group, e *event.Event) lane {
	if group == queue.Record {
		return lane{group: group}
	}
	return lane{group, e.Bot}
}

// pace is how fast the spool tries: the broker, or one lane. The zero value is as fast as it can.
type pace struct {
	failures int       // In a row.
	until    time.Time // Before it nothing is tried.
	window   int       // How much of a lane is tried at once; 0 is no bound.
	logged   time.Time // When it was last told that it fails.
	told     bool      // And not yet that it does no more.
}

// slow notes a failure, once for all that were tried together, and returns the time to the next try.
func (p *pace) slow(now time.Time, pauses retry.Backoff) time.Duration {
	if now.After(p.until) {
		p.failures++
		p.until = now.Add(pauses.Delay(p.failures))
	}
	p.window = 1
	return max(time.Until(p.until), time.Millisecond)
}

// quicken notes a success, and reports whether the window is as large as any.
func (p *pace) quicken() bool {
	p.failures, p.until, p.window = 0, time.Time{}, 2*p.window
	return p.window > window
}

// isAway reports whether an error says that the whole broker takes nothing, as without a connection,
// and not one queue of it.
func isAway(err error) bool {
	_, refused := errors.AsType[*queue.RefusedError](err)
	return !refused && !isFinal(err) && !errors.Is(err, context.DeadlineExceeded)
}

// isFinal reports whether the broker never takes an event.
func isFinal(err error) bool {
	return errors.Is(err, queue.ErrTooLarge) || errors.Is(err, queue.ErrInvalid)
}

// awaitTry waits until the broker may be tried, and reports whether it is to be asked with a few events.
func (s *Spool) awaitTry() (probe bool) {
	s.mu.Lock()
	away, until := s.away.window > 0, s.away.until
	s.mu.Unlock()
	if away {
		retry.Sleep(s.ctx, time.Until(until))
	}
	return away
}

// lost notes that the broker was unavailable, and returns the time to the next try. What was begun
// before the broker last answered says nothing of it.
func (s *Spool) lost(began time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered.After(began) {
		return backoff.Min
	}
	return s.away.slow(time.Now(), backoff)
}

// answers notes that the broker answered, or is there and did not in time.
func (s *Spool) answers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away, s.answered = pace{}, time.Now()
}

// refused notes that a lane did not take an event, which slows it down.
func (s *Spool) refused(l lane, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.lanes[l]
	if p == nil {
		p = &pace{}
		s.lanes[l] = p
	}
	p.slow(time.Now(), laneBackoff)
	s.drainers[l.group].consumer.Throttle(l.bot, p.until, p.window)
	if time.Since(p.logged) > lanePause {
		p.logged, p.told = time.Now(), true
		s.log.Warn("a queue of the broker does not take events: those for it wait in the spool, the others do not",
			slog.String("group", string(l.group)), slog.String("bot", l.bot), slog.Any("error", cause))
	}
}

// finished notes that a lane took an event and that the file does not have it any more for that one. It
// reports whether the lane has just become as fast as it can be.
func (s *Spool) finished(l lane, e *event.Event) (recovered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.conclude()
	if s.index.leave(l.group, e) {
		s.drained()
	}
	p := s.lanes[l]
	if p == nil || p.window == 0 {
		return false
	}
	if !p.quicken() && s.waiting(l) > 0 {
		s.drainers[l.group].consumer.Throttle(l.bot, p.until, p.window)
		return false
	}
	p.window = 0
	if p.told {
		p.told = false
		s.log.Info("a queue of the broker takes events again",
			slog.String("group", string(l.group)), slog.String("bot", l.bot))
	}
	return true
}

// waiting is how much of a lane is in the file. The caller has the lock.
func (s *Spool) waiting(l lane) int {
	if l.group == queue.Record {
		return s.index.record.n
	}
	return s.index.of(l.bot).dispatch.n
}

// slowed reports whether an event's queues include one that took nothing when it was last tried. The
// caller has the lock.
func (s *Spool) slowed(e *event.Event) bool {
	bad := func(l lane) bool {
		p := s.lanes[l]
		return p != nil && p.window > 0 && (s.waiting(l) > 0 || time.Now().Before(p.until))
	}
	return bad(lane{group: queue.Record}) || e.ForBot() && bad(laneOf(queue.Dispatch, e))
}
