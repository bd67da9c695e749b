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

// How long a worker waits before it asks a queue again that did not answer.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// handle makes one attempt, publishes what came of it and settles the delivery. The
// change goes first: a crash in between repeats the attempt, while the other order
// would lose the news for good. It fails only when the subscription is over.
func (d *Dispatcher) handle(ctx context.Context, consumer queue.Consumer, delivery *queue.Delivery) error {
	d.metrics.inFlight.Inc()
	defer d.metrics.inFlight.Dec()

	change, delay := d.attempt(ctx, delivery)
	if ctx.Err() != nil {
		return nil // The attempt was cut off, so it says nothing about the bot.
	}
	d.metrics.attempts.WithLabelValues(string(change.Status)).Inc()
	news, err := event.NewChange(delivery.Event, change)
	if err != nil {
		return fmt.Errorf("event %s: %w", delivery.Event.ID, err)
	}
	if err := d.insist(ctx, func() error { return d.cfg.Queue.Publish(ctx, news) }); err != nil {
		return fmt.Errorf("publishing what happened to event %s: %w", delivery.Event.ID, err)
	}
	err = d.insist(ctx, func() error { return settle(ctx, consumer, delivery, change, delay) })
	switch {
	case errors.Is(err, queue.ErrLost):
		return nil // It will be delivered again, to whoever consumes then.
	case err != nil:
		return fmt.Errorf("settling event %s: %w", delivery.Event.ID, err)
	case change.Status == event.StatusDead:
		d.log.Warn("event is dead", "bot", delivery.Event.Bot, "event_id", delivery.Event.ID,
			"attempts", change.Attempt, "reason", change.Error)
	}
	return nil
}

func settle(ctx context.Context, c queue.Consumer, delivery *queue.Delivery, change event.Change, delay time.Duration) error {
	switch change.Status {
	case event.StatusDelivered:
		return c.Ack(ctx, delivery)
	case event.StatusFailed:
		return c.Retry(ctx, delivery, delay)
	default:
		return c.Bury(ctx, delivery, change.Error)
	}
}

// insist repeats an operation of the queue until it succeeds or makes no more sense.
// While the queue is away nothing could be settled anyway, so waiting costs nothing
// and keeps the promise that every outcome is told.
func (d *Dispatcher) insist(ctx context.Context, operation func() error) error {
	for ceiling := minPause; ; ceiling = min(2*ceiling, maxPause) {
		err := operation()
		switch {
		case err == nil:
			d.trouble.Store(nil)
			return nil
		case ctx.Err() != nil, errors.Is(err, queue.ErrLost), errors.Is(err, queue.ErrClosed):
			return err
		}
		if d.trouble.Swap(&err) == nil {
			d.log.Warn("queue does not take the outcome of a delivery; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(ceiling) + 1):
		}
	}
}

// attempt tries the delivery once and returns what is to be told about it, and with
// StatusFailed the delay until the next attempt.
func (d *Dispatcher) attempt(ctx context.Context, delivery *queue.Delivery) (event.Change, time.Duration) {
	change := event.Change{Attempt: delivery.Attempt, Status: event.StatusDead, At: time.Now()}
	t, known := d.targets[delivery.Event.Bot]
	switch {
	case !known:
		change.Error = "unknown bot"
		return change, 0
	case delivery.Attempt > t.maxAttempts:
		// Earlier attempts ended with the process: the event itself may be what kills it.
		change.Error = "out of attempts: earlier ones were never completed"
		return change, 0
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return change, 0
	}
	started := time.Now()
	ans := d.send(ctx, t, delivery.Event, started)
	change.At = time.Now()
	took := change.At.Sub(started)
	d.metrics.duration.Observe(took.Seconds())
	change.DurationMS = took.Milliseconds()
	change.StatusCode = ans.status
	return d.judge(change, ans, delivery.Attempt >= t.maxAttempts)
}

func (d *Dispatcher) judge(change event.Change, ans answer, last bool) (event.Change, time.Duration) {
	v := verdictOf(ans)
	change.Error = ans.reason()
	switch {
	case v == delivered:
		change.Status, change.Error = event.StatusDelivered, ""
	case v == permanent:
		change.Error = "refused for good: " + change.Error
	case last:
		change.Error = "out of attempts: " + change.Error
	default:
		delay := d.delay(change.Attempt, ans.retryAfter)
		next := change.At.Add(delay).UTC()
		change.Status, change.NextAttempt = event.StatusFailed, &next
		return change, delay
	}
	return change, 0
}

// delay is the time until the attempt after this one: random up to a ceiling that
// doubles, so that a bot that comes back is not met by everything at once, and not
// before the bot wants it.
func (d *Dispatcher) delay(attempt int, retryAfter time.Duration) time.Duration {
	ceiling := min(d.cfg.MinBackoff, d.cfg.MaxBackoff)
	for n := 1; n < attempt && ceiling < d.cfg.MaxBackoff; n++ {
		ceiling = min(2*ceiling, d.cfg.MaxBackoff)
	}
	return max(rand.N(ceiling)+1, min(retryAfter, d.cfg.MaxRetryAfter))
}
