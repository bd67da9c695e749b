package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/tracing"
)

// queueBackoff is for a queue that does not answer.
var queueBackoff = retry.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second, Jitter: 1}

// conclude publishes what came of an attempt and settles the delivery. The change goes
// first: a crash in between repeats the attempt, while the other order would lose the
// news for good.
func (s *session) conclude(delivery *queue.Delivery, change event.Change, delay time.Duration, sp *span) error {
	_, err := s.concluded(delivery, change, delay, sp)
	return err
}

// concluded does the same, and reports whether the delivery was lost: it will come again.
func (s *session) concluded(
	delivery *queue.Delivery, change event.Change, delay time.Duration, sp *span,
) (isLost bool, err error) {
	s.forgoAfter(delivery, change, delay)
	ctx := sp.conclude(s.settling, change)
	s.metrics.count(delivery, change)
	// A poller is told whether its word came in time, which an ack of several deliveries does not say.
	var settles *queue.Delivery
	if t := s.target(delivery.Event.Bot); change.Status == event.StatusDelivered && (t == nil || !t.bot.Pull) {
		settles = delivery
	}
	published, settled, err := s.publish(ctx, delivery.Event, change, settles)
	if err != nil {
		return false, fmt.Errorf("publishing what happened to event %s: %w", delivery.Event.ID, err)
	}
	if change.Status != event.StatusDelivered {
		delivery.Note(queue.Outcome{Attempt: change.Attempt, At: change.At.UTC(), StatusCode: change.StatusCode, Error: change.Error})
	}
	if !settled {
		err = s.retry(func(ctx context.Context) error { return s.settle(ctx, delivery, change, delay, published) })
	}
	if change.Status != event.StatusFailed {
		s.holds.settled(delivery.Event)
	}
	switch {
	case errors.Is(err, queue.ErrLost):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("settling event %s: %w", delivery.Event.ID, err)
	case change.Status == event.StatusDead:
		s.deaths.tell(ctx, delivery.Event, s.target(delivery.Event.Bot) != nil, change)
	}
	return false, nil
}

// publish publishes a change of the event about, and settles a delivery, nil for none, if that was done with the same
// stroke. One that the queue will never take is dropped, and not published: the event itself matters more than its history, and its order
// key would stand still.
func (s *session) publish(
	ctx context.Context, about *event.Event, change event.Change, settles *queue.Delivery,
) (published, settled bool, err error) {
	news, err := event.NewChange(about, change)
	if err != nil {
		return false, false, err
	}
	// An answer may be large enough for the blob store, for which nobody else is to wait.
	o := &outcome{news: news, settles: settles, alone: change.Answer != nil}
	told := s.cfg.Messaging.Tell(ctx, news)
	defer told.End()
	err = s.offer(o)
	if errors.Is(err, queue.ErrTooLarge) && change.Answer != nil {
		change.Answer = nil // What the bot said matters less than what became of the event.
		return s.publish(ctx, about, change, settles)
	}
	if unpublishable(err) {
		s.log.ErrorContext(ctx, "queue refuses what happened to an event, so its history lacks that",
			about.LogAttr(), slog.String("status", string(change.Status)), slog.Any("error", err))
		tracing.Fail(told, "refused")
		return false, false, nil
	}
	return err == nil, o.acked, err
}

// offer publishes until the queue takes it, see [outlet], or never will.
func (s *session) offer(o *outcome) error {
	offer, end := s.outlet.offering(func(ctx context.Context) error { return s.tell(ctx, o) })
	defer end()
	return s.retry(offer)
}

// tell publishes an outcome: the first time with others, and then alone, so that none fails for another.
func (s *session) tell(ctx context.Context, o *outcome) error {
	if !o.alone {
		o.alone = true
		if s.outcomes.tell(ctx, o); !o.shared || !unpublishable(o.err) {
			return o.err
		}
	}
	return s.cfg.Queue.Publish(ctx, o.news)
}

// settle settles a delivery. A dead event is in the log, where the dead letters are listed and replayed
// from; only one whose death the queue did not take stays in the queue.
func (s *session) settle(
	ctx context.Context, delivery *queue.Delivery, change event.Change, delay time.Duration, published bool,
) error {
	switch {
	case change.Status == event.StatusFailed:
		return s.consumer.Retry(ctx, delivery, delay)
	case change.Status == event.StatusDead && !published:
		return s.consumer.DeadLetter(ctx, delivery, change.Error)
	default:
		return s.consumer.Ack(ctx, delivery)
	}
}

// retry repeats an operation of the queue until it succeeds or makes no more sense.
// While the queue is unavailable nothing could be settled anyway, so waiting costs nothing
// and keeps the promise that every outcome is published. At the end of the drain time it
// tries once more.
func (s *session) retry(operation func(context.Context) error) (err error) {
	ended := queueBackoff.Until(s.attempts, func() bool {
		failure := operation(s.settling)
		switch err = failure; {
		case err == nil:
			s.trouble.Store(nil)
			return true
		case s.attempts.Err() != nil, unpublishable(err), errors.Is(err, queue.ErrLost), errors.Is(err, queue.ErrClosed):
			return true
		}
		if s.trouble.Swap(&failure) == nil {
			s.log.Warn("queue does not take the outcome of a delivery; trying again", "error", err)
		}
		return false
	})
	if !ended {
		return operation(s.settling)
	}
	return err
}

// unpublishable reports whether the queue will never take what it was given.
func unpublishable(err error) bool {
	return errors.Is(err, queue.ErrInvalid) || errors.Is(err, queue.ErrTooLarge)
}
