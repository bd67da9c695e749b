package record

import (
	"context"
	"fmt"
	"sync"

	"github.com/botgate/botgate/internal/queue"
)

// intake is a consumer and the lanes that what it brings is parted into, one for each shard.
// It goes on receiving whatever the lanes do; the prefetch bounds what they hold together.
type intake struct {
	*Recorder
	consumer queue.Consumer
	// home is the shard whose parked events these are; empty for the group record.
	home     string
	prefetch int
	// finish outlives the context of Run for a while, for the batches under way.
	finish context.Context

	lanes   map[*shard]*lane
	writers sync.WaitGroup
}

// run ends with the context, or when the queue can't be consumed, and then waits for the
// batches under way.
func (in *intake) run(ctx context.Context) error {
	working, cancel := context.WithCancel(ctx)
	defer in.writers.Wait()
	defer cancel()
	for {
		deliveries, err := in.consumer.Receive(ctx, in.prefetch)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("consuming events: %w", err)
		}
		parts := map[*shard][]*queue.Delivery{}
		for _, d := range deliveries {
			s := in.shardOf(d.Event)
			parts[s] = append(parts[s], d)
		}
		for s, part := range parts {
			in.laneOf(working, s).add(part)
		}
	}
}

// laneOf is the lane of a shard, which gets its writers with its first delivery.
func (in *intake) laneOf(ctx context.Context, s *shard) *lane {
	l, ok := in.lanes[s]
	if !ok {
		l = &lane{wake: make(chan struct{}, 1)}
		in.lanes[s] = l
		for range workers {
			w := writer{intake: in, lane: l, shard: s}
			// What comes from a parking lot is not put back there.
			w.parks = s.name != "" && s.name != in.home
			in.writers.Go(func() { w.run(ctx) })
		}
	}
	return l
}

// lane holds what came for a shard until its writers take it.
type lane struct {
	mu      sync.Mutex
	pending []*queue.Delivery
	wake    chan struct{} // Has an element when there may be something to take.
}

func (l *lane) add(deliveries []*queue.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, deliveries...)
	l.signal()
}

// take waits for deliveries and returns what is there, up to the limit; nil once the context
// has ended.
func (l *lane) take(ctx context.Context, limit int) []*queue.Delivery {
	for ctx.Err() == nil {
		if batch := l.next(limit); len(batch) > 0 {
			return batch
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *lane) next(limit int) []*queue.Delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(limit, len(l.pending))
	batch := l.pending[:n:n]
	if l.pending = l.pending[n:]; len(l.pending) > 0 {
		l.signal()
	}
	return batch
}

// signal wakes one writer, which wakes the next if it leaves something.
func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
