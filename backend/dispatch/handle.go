package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
)

// downPause is for how long events go back whose bot is down and that consumers crashed with. Such an
// event would keep others like it from being handed out, and what crashes until the bot is back was
// not it.
const downPause = 30 * time.Second

// errPanicked is the outcome of an attempt that panicked.
var errPanicked = errors.New("handling a delivery panicked")

// handle makes one attempt and settles the delivery. A panic counts as a failed attempt.
// It fails only when the subscription is over, or when even that can't be settled.
func (s *session) handle(delivery *queue.Delivery) error {
	if delivery.Event.IsLateAnswer() {
		return s.handleLate(delivery)
	}
	if wait := time.Until(delivery.Event.NotBefore); wait > 0 {
		s.metrics.postponed.Inc()
		return s.postpone(delivery, wait)
	}
	sp := &span{messaging: s.cfg.Messaging, delivery: delivery}
	defer sp.end()
	if reason, poison := delivery.Poison(); poison {
		change := newChange(delivery)
		change.Error = reason
		return s.conclude(delivery, change, 0, sp)
	}
	defer s.holds.handling(delivery)()
	if s.holds.isGivenUp(delivery.Event) {
		return s.conclude(delivery, giveUp(delivery), 0, sp)
	}
	t := s.target(delivery.Event.Bot)
	switch {
	case t == nil:
		return s.awaitBot(delivery, time.Now(), sp)
	case t.expired(delivery, time.Now()):
		return s.conclude(delivery, expire(delivery), 0, sp)
	}
	if delivery.Crashes > 0 && s.isAway(t) {
		return s.postpone(delivery, downPause)
	}
	err := s.recovered(delivery, func() error {
		if t.bot.Pull {
			return s.lend(delivery, sp)
		}
		return s.handOver(delivery, sp)
	})
	if !errors.Is(err, errPanicked) {
		return err
	}
	change, delay := judge(delivery, newChange(delivery), answer{err: errPanicked}, t, breaker{step: 1, charges: true})
	change, delay = s.holding(t, delivery, change, delay)
	return s.recovered(delivery, func() error { return s.conclude(delivery, change, delay, sp) })
}

// isAway reports whether the bot takes nothing at present.
func (s *session) isAway(t *target) bool {
	if t.bot.Pull {
		return t.bot.Paused || s.cfg.Ledger.IsAbsent(t.bot.Name)
	}
	_, alone := s.slots.leavesAlone(t.gate)
	return alone || t.bot.Paused
}

// handOver makes an attempt and settles the delivery by what came of it.
func (s *session) handOver(delivery *queue.Delivery, sp *span) error {
	t, change, delay, ended := s.attempt(delivery, sp)
	switch {
	case !ended && (delivery.IsRecalled() || t != nil && t.bot.Pull):
		return s.postpone(delivery, 0)
	case !ended && t == nil:
		return s.awaitBot(delivery, time.Now(), sp)
	case !ended:
		return nil
	}
	change, delay = s.holding(t, delivery, change, delay)
	return s.conclude(delivery, change, delay, sp)
}

// postpone gives an event back for a while without an attempt. Those of other order keys go on.
func (s *session) postpone(delivery *queue.Delivery, wait time.Duration) error {
	s.forgoUnless(delivery, wait)
	err := s.retry(func(ctx context.Context) error { return s.consumer.Postpone(ctx, delivery, wait) })
	if err != nil && !errors.Is(err, queue.ErrLost) {
		return fmt.Errorf("postponing event %s: %w", delivery.Event.ID, err)
	}
	return nil
}

// recovered turns a panic into an error: whatever is wrong with one event, the others go on.
func (s *session) recovered(delivery *queue.Delivery, f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("handling a delivery panicked", delivery.Event.LogAttr(),
				slog.String("panic", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
			err = errPanicked
		}
	}()
	return f()
}

func newChange(delivery *queue.Delivery) event.Change {
	return event.Change{Attempt: delivery.Attempt, Replays: delivery.Replays, Status: event.StatusDead, At: time.Now()}
}

// expire is the change of an event that came too late. The number is that of the last attempt.
func expire(delivery *queue.Delivery) event.Change {
	change := newChange(delivery)
	change.Status, change.Attempt = event.StatusExpired, delivery.Attempt-1
	change.Error = "older than the bot's expire_after"
	return change
}

// attempt tries the delivery once and returns the bot as it was then and the change to publish, and with
// StatusFailed the delay until the next attempt. It returns false when the end of Run
// kept it from an answer or that from the queue, or the queue wants the delivery back, which says nothing about the
// bot; and without a bot when that is there no more.
func (s *session) attempt(
	delivery *queue.Delivery, sp *span,
) (t *target, change event.Change, delay time.Duration, ended bool) {
	for {
		t, p, ok := s.acquire(delivery)
		if !ok {
			change, ended = s.unadmitted(t, delivery)
			return t, change, 0, ended
		}
		started := time.Now()
		if t.expired(delivery, started) {
			s.slots.release(t.gate, p, finding{})
			return t, expire(delivery), 0, true
		}
		ctx := sp.begin(s.attempts)
		ans, b := s.try(ctx, t, p, delivery, started)
		if s.attempts.Err() != nil && errors.Is(ans.err, context.Canceled) {
			return t, change, 0, false
		}
		change, delay, ended = s.outcome(ctx, delivery, ans, t, b, started)
		if !ended {
			return t, change, 0, false
		}
		if b.charges || change.Status != event.StatusFailed || s.holds.isGivenUp(delivery.Event) {
			return t, change, delay, true
		}
	}
}

// unadmitted is the change of an event that was not let to its bot, false for none.
func (s *session) unadmitted(t *target, delivery *queue.Delivery) (change event.Change, ended bool) {
	switch {
	case s.starting.Err() != nil || delivery.IsRecalled() || t == nil || t.bot.Pull:
		return change, false
	case s.holds.isGivenUp(delivery.Event):
		return giveUp(delivery), true
	}
	change = newChange(delivery)
	change.Attempt, change.Error = delivery.Attempt-1, outOfTime+": the bot is down"
	return change, true
}

// outcome says what came of an attempt, and how long it took. It returns false as [session.passOn] does.
func (s *session) outcome(
	ctx context.Context, delivery *queue.Delivery, ans answer, t *target, b breaker, started time.Time,
) (change event.Change, delay time.Duration, ended bool) {
	change = newChange(delivery)
	took := change.At.Sub(started)
	metric.Observe(s.metrics.duration, took.Seconds(), trace.SpanContextFromContext(ctx))
	change.DurationMS = took.Milliseconds()
	change.StatusCode, change.Answer = ans.status, ans.kept
	change.Answered, ended = s.handBack(delivery, verdictOf(ans), ans.said) //nolint:contextcheck // It has the time of the session.
	if !ended {
		return change, 0, false
	}
	if verdictOf(ans) != delivered {
		s.metrics.failures.WithLabelValues(string(ans.cause())).Inc()
	}
	change, delay = judge(delivery, change, ans, t, b)
	return change, delay, true
}

// acquire waits until a request to the bot may run and what comes of it can be published, and returns the
// bot as it is by then. It returns false when Run has to end, when the queue wants the delivery back, when the
// bot is there no more or pulls now, and when the event is given up, by somebody or since its bot was down for all of the
// time that it had; but see [bots.OnDeadHold].
func (s *session) acquire(delivery *queue.Delivery) (t *target, p pass, ok bool) {
	s.metrics.waiting.Inc()
	defer s.metrics.waiting.Dec()
	for !ok && s.starting.Err() == nil && !delivery.IsRecalled() && !s.holds.isGivenUp(delivery.Event) {
		if t = s.target(delivery.Event.Bot); t == nil || t.bot.Pull {
			return t, p, false
		}
		s.forgoIfAway(t, delivery)
		if t.bot.Paused {
			s.awaitResume(t, delivery)
			continue
		}
		began := s.waitsSince(t, delivery, time.Now())
		if time.Since(began) >= t.bot.GiveUpAfter {
			return t, p, false
		}
		p, ok = s.await(t, delivery, began.Add(t.bot.GiveUpAfter))
		open, _ := s.outlet.open()
		if ok && (!open || t.replaced.Err() != nil) {
			s.slots.release(t.gate, p, finding{})
			ok = false
		}
	}
	return t, p, ok
}

// awaitResume waits for the end of a pause, or until something else changed that the event goes by. The time does not
// count.
func (s *session) awaitResume(t *target, delivery *queue.Delivery) {
	ctx, cancel := t.untilReplaced(s.starting)
	defer cancel()
	defer delivery.OnRecall(cancel)()
	defer s.holds.onGiveUp(delivery, cancel)()
	<-ctx.Done()
}

// waitsSince is when the time began that an event may wait for its bot.
func (s *session) waitsSince(t *target, delivery *queue.Delivery, now time.Time) time.Time {
	since, alone := s.slots.leavesAlone(t.gate)
	if !alone || t.bot.OnDead == bots.OnDeadHold {
		return now
	}
	return slices.MaxFunc([]time.Time{t.triedSince(delivery, now), since}, time.Time.Compare)
}

// await waits for a request to a bot until a time, or until something changed that the event goes by.
func (s *session) await(t *target, delivery *queue.Delivery, until time.Time) (p pass, ok bool) {
	waiting, endWait := context.WithDeadline(s.starting, until)
	defer endWait()
	ctx, cancel := t.untilReplaced(waiting)
	defer cancel()
	defer delivery.OnRecall(cancel)()
	defer s.holds.onGiveUp(delivery, cancel)()
	if !s.outlet.await(ctx) {
		return p, false
	}
	return s.slots.acquire(ctx, t.gate, delivery.Event.IsBulk())
}

// try makes a request and gives its slot back, also when that panics. It returns how the breaker
// stands then.
func (s *session) try(
	ctx context.Context, t *target, p pass, delivery *queue.Delivery, now time.Time,
) (ans answer, b breaker) {
	s.metrics.inFlight.Inc()
	ans = answer{err: errPanicked}
	defer func() {
		s.metrics.inFlight.Dec()
		b = s.slots.release(t.gate, p, found(ctx, delivery, ans, t, time.Since(now))) //nolint:contextcheck // It logs, with the span.
	}()
	ans = s.send(ctx, t, delivery, now)
	return ans, b
}
