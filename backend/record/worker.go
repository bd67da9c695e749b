package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// settleTimeout bounds one try to settle deliveries.
const settleTimeout = 5 * time.Second

// worker takes one batch after the other.
type worker struct {
	*Recorder
	consumer queue.Consumer
	// finish outlives the context of Run for a while, for the batch under way.
	finish context.Context
}

func (w worker) consume(ctx context.Context) error {
	for ctx.Err() == nil {
		batch, err := w.consumer.Receive(ctx, w.cfg.BatchSize)
		if err == nil {
			batch, err = w.buryPoisonous(ctx, batch)
		}
		if err == nil && len(batch) > 0 {
			err = w.record(ctx, batch)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("consuming events: %w", err)
		}
	}
	return nil
}

// buryPoisonous takes out what ended consumer after consumer, and returns the rest.
func (w worker) buryPoisonous(ctx context.Context, batch []*queue.Delivery) (rest []*queue.Delivery, err error) {
	for _, d := range batch {
		reason, poisonous := d.Poisonous()
		if !poisonous {
			rest = append(rest, d)
			continue
		}
		if err := w.bury(ctx, d, errors.New(reason)); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// record writes a batch and acknowledges it. A batch that the store refuses, or
// panics on, is halved until the event that it does not take is alone, and buried, and
// the rest is recorded.
// It returns an error only when ctx ended before everything was settled; the rest then
// stays in the queue.
func (w worker) record(ctx context.Context, batch []*queue.Delivery) error {
	err := w.retry(ctx, mayPass, func() error { return w.append(batch) })
	switch {
	case err == nil:
		w.metrics.recorded.Add(float64(len(batch)))
		return w.settle(ctx, func(ctx context.Context) error { return w.consumer.Ack(ctx, batch...) })
	case mayPass(err):
		return err
	case len(batch) == 1:
		return w.bury(ctx, batch[0], err)
	}
	half := len(batch) / 2
	if err := w.record(ctx, batch[:half]); err != nil {
		return err
	}
	return w.record(ctx, batch[half:])
}

// mayPass reports whether an error of the store has nothing to do with the events.
func mayPass(err error) bool {
	return errors.Is(err, store.ErrUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// errPanicked counts as a refusal: whatever is wrong with one event, the others are recorded.
var errPanicked = errors.New("recording it panicked; the log has the stack")

func (w worker) append(batch []*queue.Delivery) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			w.log.Error("writing a batch panicked",
				slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
			err = errPanicked
		}
	}()
	events := make([]*event.Event, len(batch))
	for i, d := range batch {
		events[i] = d.Event
	}
	start := time.Now()
	_, err = w.cfg.Store.Append(w.finish, events)
	if err == nil {
		w.metrics.batch.Observe(float64(len(batch)))
		w.metrics.duration.Observe(time.Since(start).Seconds())
	}
	return err
}

func (w worker) bury(ctx context.Context, d *queue.Delivery, reason error) error {
	w.log.Error("event can't be recorded and goes to the dead letters",
		slog.String("event_id", d.Event.ID), slog.Any("error", reason))
	w.metrics.buried.Inc()
	return w.settle(ctx, func(ctx context.Context) error { return w.consumer.Bury(ctx, d, reason.Error()) })
}

// settle tells the queue what became of deliveries, however often that takes. Lost ones
// come again, which the store does not mind.
func (w worker) settle(ctx context.Context, tell func(context.Context) error) error {
	gone := func(err error) bool { return errors.Is(err, queue.ErrLost) || errors.Is(err, queue.ErrClosed) }
	err := w.retry(ctx, func(err error) bool { return !gone(err) }, func() error {
		ctx, cancel := context.WithTimeout(w.finish, settleTimeout)
		defer cancel()
		return tell(ctx)
	})
	if err != nil && gone(err) {
		w.log.Warn("recorded events could not be acknowledged and come again", slog.Any("error", err))
		return nil
	}
	return err
}
