package record

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/tracing"
)

const (
	// settleTimeout bounds one try to settle deliveries.
	settleTimeout = 5 * time.Second
	// appendTimeout bounds one try to write where there are several shards: for so long may
	// one that hangs hold up others before its breaker opens.
	appendTimeout = 5 * time.Second
)

// writer writes what an intake brings for one shard, in batches, as far as the shard's breaker
// lets it.
type writer struct {
	rec     *Recorder
	in      *intake
	breaker *breaker
	// parks is whether what the shard does not take is parked.
	parks bool

	mu      sync.Mutex
	pending []item
	wake    retry.Wake // Wakes one worker, which wakes the next if it leaves something.
}

func newWriter(in *intake, b *breaker) *writer {
	return &writer{
		rec: in.rec, in: in, breaker: b, wake: retry.NewWake(),
		// What comes from a parking lot is not put back there.
		parks: b.shard != "" && b.shard != in.home,
	}
}

func (w *writer) add(items []item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == 0 {
		w.pending = items
	} else {
		w.pending = append(w.pending, items...)
	}
	w.wake.Signal()
}

// next returns what is pending, up to the limit.
func (w *writer) next(limit int) []item {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(limit, len(w.pending))
	batch := w.pending[:n:n]
	if w.pending = w.pending[n:]; len(w.pending) > 0 {
		w.wake.Signal()
	}
	return batch
}

// run is one of the workers, until the context ends.
func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		if batch := w.next(w.rec.cfg.BatchSize); len(batch) > 0 {
			w.write(ctx, w.reject(ctx, batch))
			continue
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
		}
	}
}

// reject takes out what can never be recorded, and returns the rest.
func (w *writer) reject(ctx context.Context, batch []item) (rest []item) {
	return slices.DeleteFunc(batch, func(it item) bool {
		if it.reject != nil {
			w.deadLetter(ctx, it, it.reject)
		}
		return it.reject != nil
	})
}

// write records a batch. What the shard does not take is parked, or tried again until the
// context ends; the rest then stays in the queue. What moved goes to the writer of its new shard.
func (w *writer) write(ctx context.Context, batch []item) {
	for failures := 0; len(batch) > 0 && ctx.Err() == nil; {
		limit, ok := w.breaker.enter()
		switch {
		case ok:
			done, err := w.record(ctx, batch[:min(limit, len(batch))])
			batch = batch[done:]
			switch {
			case ctx.Err() != nil && err != nil:
				w.breaker.withdraw()
				return
			case errors.Is(err, store.ErrFenced):
				w.breaker.leave(nil)
				w.in.route(ctx, batch)
				return
			}
			w.breaker.leave(err)
		case !w.parks:
			w.breaker.await(ctx)
		case w.park(ctx, batch):
			return
		default:
			failures++
			retry.Sleep(ctx, backoff.Delay(failures))
		}
	}
}

// record writes a batch and acknowledges it, and returns how many deliveries are settled. A
// batch that the store refuses, or panics on, is halved until the event that it does not take
// is alone, and dead-lettered, and the rest is recorded.
// The error is that of a store that does not take the batch now.
func (w *writer) record(ctx context.Context, batch []item) (done int, err error) {
	recorded, err := w.append(batch) //nolint:contextcheck // a batch in flight outlives the stop
	switch {
	case err == nil:
		w.rec.cfg.Notify(recorded)
		w.rec.metrics.committed(batch, time.Now())
		w.settle(ctx, func(ctx context.Context) error { return w.in.consumer.Ack(ctx, deliveries(batch)...) })
		return len(batch), nil
	case mayPass(err):
		return 0, err
	case len(batch) == 1:
		w.deadLetter(ctx, batch[0], err)
		return 1, nil
	}
	half := len(batch) / 2
	if done, err = w.record(ctx, batch[:half]); err != nil {
		return done, err
	}
	done, err = w.record(ctx, batch[half:])
	return half + done, err
}

func deliveries(batch []item) []*queue.Delivery {
	all := make([]*queue.Delivery, len(batch))
	for i, it := range batch {
		all[i] = it.delivery
	}
	return all
}

// mayPass reports whether an error of the store has nothing to do with the events.
func mayPass(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFenced) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// errPanicked counts as a refusal: whatever is wrong with one event, the others are recorded.
var errPanicked = errors.New("recording it panicked; the log has the stack")

func (w *writer) append(batch []item) (recorded []store.Entry, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			w.rec.log.Error("writing a batch panicked",
				slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
			err = errPanicked
		}
	}()
	entries := make([]store.Entry, 0, len(batch))
	for _, it := range batch {
		if it.report == nil {
			entries = append(entries, it.entry)
		}
	}
	ctx := w.in.finish
	if len(w.rec.cfg.Shards) > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, appendTimeout)
		defer cancel()
	}
	if err := w.keepReports(ctx, batch); err != nil || len(entries) == 0 {
		return nil, err
	}
	ctx, span := w.rec.cfg.Messaging.ProcessBatch(ctx, w.breaker.shard, eventsOf(entries))
	defer span.End()
	start := time.Now()
	recorded, err = w.rec.cfg.Store.Append(ctx, entries)
	if err != nil {
		tracing.Fail(span, causeOf(err))
	} else {
		w.rec.metrics.batch.Observe(float64(len(entries)))
		metric.Observe(w.rec.metrics.duration, time.Since(start).Seconds(), span.SpanContext())
	}
	return recorded, err
}

// keepReports hands on what gateways say of themselves.
func (w *writer) keepReports(ctx context.Context, batch []item) error {
	for _, it := range batch {
		if it.report == nil || w.rec.cfg.Reports == nil {
			continue
		}
		if err := w.rec.cfg.Reports.Add(ctx, it.report); err != nil {
			return err
		}
	}
	return nil
}

func eventsOf(entries []store.Entry) iter.Seq[*event.Event] {
	return func(yield func(*event.Event) bool) {
		for _, e := range entries {
			if !yield(e.Event) {
				return
			}
		}
	}
}

// causeOf is what a span says of an error of the store.
func causeOf(err error) string {
	if mayPass(err) {
		return "unavailable"
	}
	return "refused"
}

func (w *writer) deadLetter(ctx context.Context, it item, reason error) {
	w.rec.log.Error("event can't be recorded and goes to the dead letters",
		it.delivery.Event.LogAttr(), slog.Any("error", reason))
	w.rec.metrics.deadLettered.Inc()
	w.settle(ctx, func(ctx context.Context) error { return w.in.consumer.DeadLetter(ctx, it.delivery, reason.Error()) })
}

// park moves a batch to the shard's parking lot. It returns false while the queue does not
// take it.
func (w *writer) park(ctx context.Context, batch []item) bool {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	err := w.in.consumer.Park(ctx, w.breaker.shard, deliveries(batch)...)
	if err != nil && !lost(err) {
		return false
	}
	w.rec.metrics.parked.Add(float64(len(batch)))
	return true
}

// lost reports whether deliveries can't be settled any more. They are redelivered, and the
// store ignores what it has.
func lost(err error) bool { return errors.Is(err, queue.ErrLost) || errors.Is(err, queue.ErrClosed) }

// settle acks or dead-letters deliveries, however often that takes, until ctx ends. Meanwhile
// the recorder is not healthy.
func (w *writer) settle(ctx context.Context, try func(context.Context) error) {
	backoff.Until(ctx, func() bool {
		bounded, cancel := context.WithTimeout(w.in.finish, settleTimeout)
		defer cancel()
		err := try(bounded) //nolint:contextcheck // a batch in flight outlives the stop
		switch {
		case err == nil:
			w.rec.queueRecovered()
		case lost(err):
			w.rec.queueRecovered()
			w.rec.log.Warn("recorded events could not be acknowledged and are redelivered", slog.Any("error", err))
		case ctx.Err() != nil:
		default:
			w.rec.metrics.retries.Inc()
			w.rec.queueFailed(err)
			return false
		}
		return true
	})
}
