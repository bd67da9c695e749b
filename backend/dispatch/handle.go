package dispatch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// errPanicked is the outcome of an attempt that panicked.
var errPanicked = errors.New("handling a delivery panicked")

// handle makes one attempt and settles the delivery. A panic counts as a failed attempt.
// It fails only when the subscription is over, or when even that can't be settled.
func (s *session) handle(delivery *queue.Delivery) error {
	if wait := time.Until(delivery.Event.NotBefore); wait > 0 {
		return s.postpone(delivery, wait)
	}
	if reason, poison := delivery.Poison(); poison {
		change := newChange(delivery)
		change.Error = reason
		return s.conclude(delivery, change, 0)
	}
	if s.targets[delivery.Event.Bot].expired(delivery, time.Now()) {
		change := newChange(delivery)
		// No attempt is made: the number is that of the last one.
		change.Status, change.Attempt, change.Error = event.StatusExpired, delivery.Attempt-1, "older than the bot's expire_after"
		return s.conclude(delivery, change, 0)
	}
	err := s.recovered(delivery, func() error {
		change, delay, ended := s.attempt(delivery)
		if !ended {
			return nil
		}
		return s.conclude(delivery, change, delay)
	})
	if !errors.Is(err, errPanicked) {
		return err
	}
	change, delay := judge(delivery, newChange(delivery), answer{err: errPanicked}, s.targets[delivery.Event.Bot])
	return s.recovered(delivery, func() error { return s.conclude(delivery, change, delay) })
}

// postpone delays an event of a user who is over a limit. Those of other users go on.
func (s *session) postpone(delivery *queue.Delivery, wait time.Duration) error {
	s.metrics.postponed.Inc()
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
			s.log.Error("handling a delivery panicked", "event_id", delivery.Event.ID,
				"panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	return f()
}

func newChange(delivery *queue.Delivery) event.Change {
	return event.Change{Attempt: delivery.Attempt, Replays: delivery.Replays, Status: event.StatusDead, At: time.Now()}
}

// attempt tries the delivery once and returns the change to publish, and with
// StatusFailed the delay until the next attempt. It returns false when the end of Run
// kept it from an answer, which says nothing about the bot.
func (s *session) attempt(delivery *queue.Delivery) (change event.Change, delay time.Duration, ended bool) {
	change = newChange(delivery)
	t, known := s.targets[delivery.Event.Bot]
	if !known {
		change.Error = "unknown bot"
		return change, 0, true
	}
	release, ok := s.acquire(t)
	if !ok {
		return change, 0, false
	}
	defer release()
	started := time.Now()
	ans := s.send(s.attempts, t, delivery, started)
	if s.attempts.Err() != nil && errors.Is(ans.err, context.Canceled) {
		return change, 0, false
	}
	change.At = time.Now()
	took := change.At.Sub(started)
	s.metrics.duration.Observe(took.Seconds())
	change.DurationMS = took.Milliseconds()
	change.StatusCode = ans.status
	change, delay = judge(delivery, change, ans, t)
	return change, delay, true
}

// acquire waits until a request to the bot may run. The bot's own slot comes first, so
// that what waits for a bot that hangs takes no slot that others need; it only counts
// for [Config.Prefetch]. It returns false when Run has to end.
func (s *session) acquire(t *target) (release func(), ok bool) {
	s.metrics.waiting.Inc()
	defer s.metrics.waiting.Dec()
	if t.slots.Acquire(s.starting, 1) != nil {
		return nil, false
	}
	if s.slots.Acquire(s.starting, 1) != nil {
		t.slots.Release(1)
		return nil, false
	}
	s.metrics.inFlight.Inc()
	return func() {
		s.metrics.inFlight.Dec()
		s.slots.Release(1)
		t.slots.Release(1)
	}, true
}

// judge completes a change by what an answer means for the bot, which is nil for an
// unknown one, and returns the delay until the next attempt with StatusFailed.
func judge(delivery *queue.Delivery, change event.Change, ans answer, t *target) (event.Change, time.Duration) {
	v := verdictOf(ans)
	change.Error = ans.reason()
	switch {
	case v == delivered:
		change.Status, change.Error = event.StatusDelivered, ""
	case v == permanent:
		change.Error = "refused for good: " + change.Error
	case t == nil || t.bot.MaxAttempts > 0 && change.Attempt >= t.bot.MaxAttempts:
		change.Error = "out of attempts: " + change.Error
	case change.At.Sub(triedSince(delivery, change.At)) > t.bot.GiveUpAfter:
		change.Error = "out of time: " + change.Error
	default:
		delay := t.delay(change.Attempt, ans.retryAfter)
		next := change.At.Add(delay).UTC()
		change.Status, change.NextAttempt = event.StatusFailed, &next
		return change, delay
	}
	return change, 0
}
