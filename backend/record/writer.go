package record

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// settleTimeout bounds one try to settle deliveries.
	settleTimeout = 5 * time.Second
	// appendTimeout bounds one try to write where there are several shards: for so long may
	// one that hangs hold up others before it is known to be away.
	appendTimeout = 5 * time.Second
)

// writer takes one batch after the other of a lane.
type writer struct {
	*intake
	lane  *lane
	shard *shard
	// parks is whether deliveries that the shard does not take are parked.
	parks bool
}

func (w writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		if batch := w.lane.take(ctx, w.cfg.BatchSize); len(batch) > 0 {
			w.write(ctx, w.buryPoisonous(ctx, batch))
		}
	}
}

// write records a batch. What the shard does not take is parked, or tried again until the
// context ends; the rest then stays in the queue.
func (w writer) write(ctx context.Context, batch []*queue.Delivery) {
	for attempt := 0; len(batch) > 0 && ctx.Err() == nil; {
		limit, ok := w.shard.enter()
		switch {
		case ok:
			done, err := w.record(ctx, batch[:min(limit, len(batch))])
			if batch = batch[done:]; ctx.Err() != nil && err != nil {
				w.shard.withdraw()
				return
			}
			w.shard.leave(err)
		case !w.parks:
			w.shard.await(ctx)
		default:
			if w.park(ctx, batch) {
				return
			}
			wait(ctx, nil, backoff(attempt))
			attempt++
		}
	}
}

// buryPoisonous takes out what ended consumer after consumer, and returns the rest.
func (w writer) buryPoisonous(ctx context.Context, batch []*queue.Delivery) (rest []*queue.Delivery) {
	for _, d := range batch {
		if reason, poisonous := d.Poison(); poisonous {
			w.bury(ctx, d, errors.New(reason))
			continue
		}
		rest = append(rest, d)
	}
	return rest
}

// record writes a batch and acknowledges it, and returns how many deliveries are settled. A
// batch that the store refuses, or panics on, is halved until the event that it does not take
// is alone, and buried, and the rest is recorded.
// The error is that of a store that takes nothing at present.
func (w writer) record(ctx context.Context, batch []*queue.Delivery) (done int, err error) {
	entries, err := w.append(batch)
	switch {
	case err == nil:
		w.cfg.Notify(entries)
		w.metrics.recorded.Add(float64(len(batch)))
		w.settle(ctx, func(ctx context.Context) error { return w.consumer.Ack(ctx, batch...) })
		return len(batch), nil
	case mayPass(err):
		return 0, err
	case len(batch) == 1:
		w.bury(ctx, batch[0], err)
		return 1, nil
	}
	half := len(batch) / 2
	if done, err = w.record(ctx, batch[:half]); err != nil {
		return done, err
	}
	done, err = w.record(ctx, batch[half:])
	return half + done, err
}

// mayPass reports whether an error of the store has nothing to do with the events.
func mayPass(err error) bool {
	return errors.Is(err, store.ErrUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// errPanicked counts as a refusal: whatever is wrong with one event, the others are recorded.
var errPanicked = errors.New("recording it panicked; the log has the stack")

func (w writer) append(batch []*queue.Delivery) (entries []store.Entry, err error) {
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
	ctx := w.finish
	if len(w.cfg.Shards) > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, appendTimeout)
		defer cancel()
	}
	start := time.Now()
	entries, err = w.cfg.Store.Append(ctx, events)
	if err == nil {
		w.metrics.batch.Observe(float64(len(batch)))
		w.metrics.duration.Observe(time.Since(start).Seconds())
	}
	return entries, err
}

func (w writer) bury(ctx context.Context, d *queue.Delivery, reason error) {
	w.log.Error("event can't be recorded and goes to the dead letters",
		slog.String("event_id", d.Event.ID), slog.Any("error", reason))
	w.metrics.buried.Inc()
	w.settle(ctx, func(ctx context.Context) error { return w.consumer.DeadLetter(ctx, d, reason.Error()) })
}

// park puts a batch aside, unless the queue does not take it at present.
func (w writer) park(ctx context.Context, batch []*queue.Delivery) bool {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	err := w.consumer.Park(ctx, w.shard.name, batch...)
	if err != nil && !gone(err) {
		return false
	}
	w.metrics.parked.Add(float64(len(batch)))
	return true
}
