package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/report"
)

// intake is a consumer, and a writer for each shard that it brings something for. It goes on
// receiving whatever the writers do; the prefetch bounds what they hold together.
type intake struct {
	rec      *Recorder
	consumer queue.Consumer
	// home is the shard whose parked events these are; empty for the group record.
	home     string
	prefetch int
	// finish outlives the context of Run for a while, for the batches in flight.
	finish context.Context

	mu      sync.Mutex
	writers map[*breaker]*writer
	running sync.WaitGroup
}

// item is a delivery and what is to be recorded of it.
type item struct {
	delivery *queue.Delivery
	entry    store.Entry
	// report is recorded in the place of an entry, if it is not nil.
	report *report.Report
	// reject is why it can never be recorded; nil if it may be.
	reject error
}

func newItem(d *queue.Delivery) item {
	if reason, poison := d.Poison(); poison {
		return item{delivery: d, reject: errors.New(reason)}
	}
	if d.Event.IsReport() {
		found, err := report.Parse(d.Event)
		return item{delivery: d, report: found, reject: err}
	}
	entry, err := store.NewEntry(d.Event)
	return item{delivery: d, entry: entry, reject: err}
}

// run ends with the context, or when the queue can't be consumed, and then waits for the
// batches in flight.
func (in *intake) run(ctx context.Context) error {
	working, cancel := context.WithCancel(ctx)
	defer in.running.Wait()
	defer cancel()
	for {
		deliveries, err := in.consumer.Receive(ctx, in.prefetch)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("consuming events: %w", err)
		}
		items := make([]item, len(deliveries))
		for i, d := range deliveries {
			items[i] = newItem(d)
		}
		in.route(working, items)
	}
}

// route gives each item to the writer of its shard, which keeps them.
func (in *intake) route(ctx context.Context, items []item) {
	isReport := func(it item) bool { return it.report != nil }
	if len(in.rec.cfg.Shards) == 0 && !slices.ContainsFunc(items, isReport) {
		in.writerFor(ctx, in.rec.breakers[""]).add(items)
		return
	}
	parts := map[*breaker][]item{}
	for _, it := range items {
		b := in.rec.breakerOf(it)
		parts[b] = append(parts[b], it)
	}
	for b, part := range parts {
		in.writerFor(ctx, b).add(part)
	}
}

// writerFor is the writer of a shard, which starts with its first item.
func (in *intake) writerFor(ctx context.Context, b *breaker) *writer {
	in.mu.Lock()
	defer in.mu.Unlock()
	w, ok := in.writers[b]
	if !ok {
		w = newWriter(in, b)
		in.writers[b] = w
		for range workers {
			in.running.Go(func() { w.run(ctx) })
		}
	}
	return w
}
