package claimcheck

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/botgate/botgate/internal/queue"
)

// consumer hands out what the one beneath does, with the bodies. Those that have to be
// fetched are behind the others, which do not wait for them.
type consumer struct {
	beneath queue.Consumer
	group   queue.Group
	cfg     Config
	held    *semaphore.Weighted
	slots   *semaphore.Weighted

	// ctx ends with the consumer; fetches are the goroutines that it ends.
	ctx     context.Context
	cancel  context.CancelFunc
	fetches sync.WaitGroup

	mu     sync.Mutex
	closed bool
	// trouble is set while the store does not work, so that this is told once.
	trouble bool
	// ready are deliveries whose body is there.
	ready []*queue.Delivery
	// arrival ends when something becomes ready; then the next one begins.
	arrival context.Context
	arrive  context.CancelFunc
}

// ticket is the token of a delivery whose body was fetched.
type ticket struct {
	// delivery is the one beneath, which the engine wants back.
	delivery *queue.Delivery
	// release lets go of the memory that the body was reserved.
	release func()
}

func newConsumer(beneath queue.Consumer, group queue.Group, cfg Config) *consumer {
	c := &consumer{
		beneath: beneath, group: group, cfg: cfg,
		held: semaphore.NewWeighted(cfg.HeldBytes), slots: semaphore.NewWeighted(maxTransfers),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.arrival, c.arrive = context.WithCancel(context.Background())
	return c
}

// Receive implements [queue.Consumer].
func (c *consumer) Receive(ctx context.Context, limit int) ([]*queue.Delivery, error) {
	for {
		ready, arrival := c.take(limit)
		if len(ready) > 0 {
			return ready, nil
		}
		received, err := c.receive(ctx, arrival, limit)
		switch {
		case err == nil:
		case arrival.Err() == nil || !errors.Is(err, context.Canceled):
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		if whole := c.fetchReferences(received); len(whole) > 0 {
			return whole, nil
		}
	}
}

// receive asks beneath until something arrives from the store.
func (c *consumer) receive(ctx, arrival context.Context, limit int) ([]*queue.Delivery, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(arrival, cancel)()
	return c.beneath.Receive(ctx, limit)
}

// take returns what is ready, or what ends when something is.
func (c *consumer) take(limit int) ([]*queue.Delivery, context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, c.arrival
	}
	n := min(limit, len(c.ready))
	taken := c.ready[:n:n]
	if c.ready = c.ready[n:]; len(c.ready) == 0 {
		c.ready = nil
	}
	return taken, c.arrival
}

// fetchReferences starts to fetch the bodies that are not there and returns the rest.
func (c *consumer) fetchReferences(received []*queue.Delivery) (whole []*queue.Delivery) {
	for _, d := range received {
		if d.Event.DataRef == "" {
			whole = append(whole, d)
			continue
		}
		c.mu.Lock()
		// What a closed consumer still gets, the one beneath gives back.
		if !c.closed {
			c.fetches.Go(func() { c.fetch(d) })
		}
		c.mu.Unlock()
	}
	return whole
}

// finish makes a delivery ready.
func (c *consumer) finish(d *queue.Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = append(c.ready, d)
	c.arrive()
	c.arrival, c.arrive = context.WithCancel(context.Background())
}

// Ack implements [queue.Consumer].
func (c *consumer) Ack(ctx context.Context, deliveries ...*queue.Delivery) error {
	return settled(c.beneath.Ack(ctx, originals(deliveries)...), deliveries...)
}

// Retry implements [queue.Consumer].
func (c *consumer) Retry(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return settled(c.beneath.Retry(ctx, original(d), delay), d)
}

// Postpone implements [queue.Consumer].
func (c *consumer) Postpone(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return settled(c.beneath.Postpone(ctx, original(d), delay), d)
}

// DeadLetter implements [queue.Consumer]. The dead letter has the reference, as the message had.
func (c *consumer) DeadLetter(ctx context.Context, d *queue.Delivery, reason string) error {
	return settled(c.beneath.DeadLetter(ctx, original(d), reason), d)
}

// Park implements [queue.Consumer]. What is parked keeps its reference.
func (c *consumer) Park(ctx context.Context, name string, deliveries ...*queue.Delivery) error {
	return settled(c.beneath.Park(ctx, name, originals(deliveries)...), deliveries...)
}

// Close implements [queue.Consumer].
func (c *consumer) Close() error {
	c.mu.Lock()
	c.closed, c.ready = true, nil
	c.mu.Unlock()
	c.cancel()
	c.fetches.Wait()
	return c.beneath.Close()
}

func originals(deliveries []*queue.Delivery) []*queue.Delivery {
	beneath := make([]*queue.Delivery, len(deliveries))
	for i, d := range deliveries {
		beneath[i] = original(d)
	}
	return beneath
}

// original is the delivery beneath, with what was noted about it.
func original(d *queue.Delivery) *queue.Delivery {
	t, ok := d.Token.(*ticket)
	if !ok {
		return d
	}
	t.delivery.Outcomes = d.Outcomes
	return t.delivery
}

// settled lets go of bodies, unless they will be settled once more.
func settled(err error, deliveries ...*queue.Delivery) error {
	if err == nil || errors.Is(err, queue.ErrLost) || errors.Is(err, queue.ErrClosed) {
		for _, d := range deliveries {
			if t, ok := d.Token.(*ticket); ok {
				t.release()
			}
		}
	}
	return err
}
