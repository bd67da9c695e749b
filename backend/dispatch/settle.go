package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// How long to wait before asking a queue again that did not answer.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// conclude publishes what came of an attempt and settles the delivery. The change goes
// first: a crash in between repeats the attempt, while the other order would lose the
// news for good.
func (s *session) conclude(delivery *queue.Delivery, change event.Change, delay time.Duration) error {
	s.metrics.attempts.WithLabelValues(string(change.Status)).Inc()
	if err := s.tell(delivery.Event, change); err != nil {
		return fmt.Errorf("publishing what happened to event %s: %w", delivery.Event.ID, err)
	}
	if change.Status != event.StatusDelivered {
		delivery.Note(queue.Outcome{Attempt: change.Attempt, At: change.At.UTC(), StatusCode: change.StatusCode, Error: change.Error})
	}
	err := s.insist(func(ctx context.Context) error { return s.settle(ctx, delivery, change, delay) })
	switch {
	case errors.Is(err, queue.ErrLost):
		return nil // It will be redelivered.
	case err != nil:
		return fmt.Errorf("settling event %s: %w", delivery.Event.ID, err)
	case change.Status == event.StatusDead:
		s.log.Warn("event is dead", "bot", delivery.Event.Bot, "event_id", delivery.Event.ID,
			"attempts", change.Attempt, "reason", change.Error)
	}
	return nil
}

// tell publishes a change. One that the queue will never take is given up: the event
// itself matters more than its history, and its order key would stand still.
func (s *session) tell(about *event.Event, change event.Change) error {
	news, err := event.NewChange(about, change)
	if err != nil {
		return err
	}
	err = s.insist(func(ctx context.Context) error { return s.cfg.Queue.Publish(ctx, news) })
	if hopeless(err) {
		s.log.Error("queue refuses what happened to an event, so its history lacks that",
			"event_id", about.ID, "status", string(change.Status), "error", err)
		return nil
	}
	return err
}

func (s *session) settle(ctx context.Context, delivery *queue.Delivery, change event.Change, delay time.Duration) error {
	switch change.Status {
	case event.StatusDelivered, event.StatusExpired:
		return s.consumer.Ack(ctx, delivery)
	case event.StatusFailed:
		return s.consumer.Retry(ctx, delivery, delay)
	default:
		return s.consumer.DeadLetter(ctx, delivery, change.Error)
	}
}

// insist repeats an operation of the queue until it succeeds or makes no more sense.
// While the queue is away nothing could be settled anyway, so waiting costs nothing
// and keeps the promise that every outcome is published. At the end of the drain time it
// tries once more.
func (s *session) insist(operation func(context.Context) error) error {
	for ceiling := minPause; ; ceiling = min(2*ceiling, maxPause) {
		err := operation(s.settling)
		switch {
		case err == nil:
			s.trouble.Store(nil)
			return nil
		case s.attempts.Err() != nil, hopeless(err), errors.Is(err, queue.ErrLost), errors.Is(err, queue.ErrClosed):
			return err
		}
		if s.trouble.Swap(&err) == nil {
			s.log.Warn("queue does not take the outcome of a delivery; trying again", "error", err)
		}
		select {
		case <-s.attempts.Done():
		case <-time.After(rand.N(ceiling) + 1):
		}
	}
}

// hopeless reports whether the queue will never take what it was given.
func hopeless(err error) bool {
	return errors.Is(err, queue.ErrInvalid) || errors.Is(err, queue.ErrTooLarge)
}
