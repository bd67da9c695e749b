package dispatch

import (
	"context"
	"errors"
	"sync"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// maxJoined is how many outcomes share a publish at most.
const maxJoined = 64

// outcomes has the outcomes of deliveries that end at the same time share one publish and one ack. Nothing
// waits for others to come: while a publish is under way, the outcomes that come meanwhile become the next one,
// which begins when that ends, or at once when it is full. So a slow queue bounds nothing but the wait of each.
type outcomes struct {
	publish func(context.Context, ...*event.Event) error
	ack     func(context.Context, ...*queue.Delivery) error

	mu      sync.Mutex
	busy    bool // A publish is under way that was not full.
	waiting []*outcome
}

// outcome is what came of one delivery.
type outcome struct {
	news *event.Event
	// settles is the delivery, where an ack is all that settles it; else nil.
	settles *queue.Delivery
	// alone keeps it from sharing a publish: it did, or is too large.
	alone bool

	// turn is closed when it was published, or is to publish a batch; batch is nil then, or set.
	turn  chan struct{}
	batch []*outcome
	// err is why the publish failed, which it shared with others or not.
	err    error
	shared bool
	// acked is set when it was published and its delivery acknowledged, or was lost.
	acked bool
}

// tell publishes an outcome and acknowledges its delivery, alone or with others, and returns when that was done
// or failed.
func (j *outcomes) tell(ctx context.Context, o *outcome) {
	o.turn, o.err = make(chan struct{}), errPanicked
	batch, full := j.join(o)
	if batch == nil {
		<-o.turn // Whoever publishes has the bounds of the session.
		if batch = o.batch; batch == nil {
			return
		}
	}
	defer j.end(o, batch, full) // Also when the queue panics.
	j.settle(ctx, batch)
}

// join adds an outcome to those that wait, and returns a batch if it is to be published at once.
func (j *outcomes) join(o *outcome) (batch []*outcome, full bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = append(j.waiting, o)
	full = len(j.waiting) == maxJoined
	if j.busy && !full {
		return nil, false
	}
	j.busy = j.busy || !full
	batch, j.waiting = j.waiting, nil
	return batch, full
}

// settle publishes a batch and acknowledges its deliveries.
func (j *outcomes) settle(ctx context.Context, batch []*outcome) {
	news, deliveries := make([]*event.Event, len(batch)), make([]*queue.Delivery, 0, len(batch))
	for n, o := range batch {
		news[n] = o.news
		if o.settles != nil {
			deliveries = append(deliveries, o.settles)
		}
	}
	err := j.publish(ctx, news...)
	acked := err == nil && len(deliveries) > 0
	if acked {
		failure := j.ack(ctx, deliveries...)
		acked = failure == nil || errors.Is(failure, queue.ErrLost) // What is lost will be redelivered.
	}
	for _, o := range batch {
		o.err, o.shared, o.acked = err, len(batch) > 1, acked && o.settles != nil
	}
}

// end lets the others of a batch go on, and those that came meanwhile be published by one of them.
func (j *outcomes) end(by *outcome, batch []*outcome, full bool) {
	for _, o := range batch {
		if o != by {
			close(o.turn)
		}
	}
	if full {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.busy = len(j.waiting) > 0; j.busy {
		next := j.waiting[0]
		next.batch, j.waiting = j.waiting, nil
		close(next.turn)
	}
}
