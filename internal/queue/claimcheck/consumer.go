package claimcheck

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// consumer adds the bodies to the deliveries of the consumer that it decorates. Deliveries whose
// body is inline do not wait for those whose body is fetched.
type consumer struct {
	inner queue.Consumer
	group queue.Group
	cfg   Config
	held  *semaphore.Weighted
	slots *semaphore.Weighted

	// ctx ends with the consumer, and with it the goroutines of fetches.
	ctx     context.Context
	cancel  context.CancelFunc
	fetches sync.WaitGroup

	mu     sync.Mutex
	closed bool
	// unavailable is set while the store is, so that this is logged once.
	unavailable bool
	// ready are deliveries whose body is there.
	ready []*queue.Delivery
	// arrival ends when a delivery becomes ready, and is replaced.
	arrival context.Context
	arrive  context.CancelFunc
}

// ticket is the token of a delivery whose body was fetched.
type ticket struct {
	// delivery is the engine's own, to be settled.
	delivery *queue.Delivery
	// release returns the bytes of the body to HeldBytes.
	release func()
}

func newConsumer(inner queue.Consumer, group queue.Group, cfg Config) *consumer {
	c := &consumer{
		inner: inner, group: group, cfg: cfg,
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
		if whole := c.fetchReferences(received); len(whole) > 0 { //nolint:contextcheck // A fetch outlives this call.
			return whole, nil
		}
	}
}

// receive waits for the inner consumer, or until a fetched body arrives.
func (c *consumer) receive(ctx, arrival context.Context, limit int) ([]*queue.Delivery, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(arrival, cancel)()
	return c.inner.Receive(ctx, limit)
}

// take returns what is ready, or a context that ends when something is.
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

// fetchReferences starts to fetch bodies and returns the deliveries whose body is inline.
func (c *consumer) fetchReferences(received []*queue.Delivery) (whole []*queue.Delivery) {
	for _, d := range received {
		if d.Event.DataRef == "" {
			whole = append(whole, d)
			continue
		}
		c.mu.Lock()
		// What a closed consumer still receives, the inner one requeues.
		if !c.closed {
			c.fetches.Go(func() { c.fetch(d) })
		}
		c.mu.Unlock()
	}
	return whole
}

// Ack implements [queue.Consumer].
func (c *consumer) Ack(ctx context.Context, deliveries ...*queue.Delivery) error {
	return settled(c.inner.Ack(ctx, originals(deliveries)...), deliveries...)
}

// Retry implements [queue.Consumer].
func (c *consumer) Retry(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return settled(c.inner.Retry(ctx, original(d), delay), d)
}

// Postpone implements [queue.Consumer].
func (c *consumer) Postpone(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return settled(c.inner.Postpone(ctx, original(d), delay), d)
}

// DeadLetter implements [queue.Consumer]. The dead letter has the reference, as the message had.
func (c *consumer) DeadLetter(ctx context.Context, d *queue.Delivery, reason string) error {
	return settled(c.inner.DeadLetter(ctx, original(d), reason), d)
}

// Park implements [queue.Consumer]. What is parked keeps its reference.
func (c *consumer) Park(ctx context.Context, name string, deliveries ...*queue.Delivery) error {
	return settled(c.inner.Park(ctx, name, originals(deliveries)...), deliveries...)
}

// Redrive implements [queue.Consumer]. What is redriven keeps its reference.
func (c *consumer) Redrive(ctx context.Context, deliveries ...*queue.Delivery) error {
	return settled(c.inner.Redrive(ctx, originals(deliveries)...), deliveries...)
}

// Answer implements [queue.Consumer].
func (c *consumer) Answer(ctx context.Context, d *queue.Delivery, answer *event.Answer) bool {
	return c.inner.Answer(ctx, original(d), answer)
}

// Adjust implements [queue.Consumer].
func (c *consumer) Adjust(opts queue.SubscribeOptions) error { return c.inner.Adjust(opts) }

// Close implements [queue.Consumer].
func (c *consumer) Close() error {
	c.mu.Lock()
	c.closed, c.ready = true, nil
	c.mu.Unlock()
	c.cancel()
	c.fetches.Wait()
	return c.inner.Close()
}

func originals(deliveries []*queue.Delivery) []*queue.Delivery {
	inner := make([]*queue.Delivery, len(deliveries))
	for i, d := range deliveries {
		inner[i] = original(d)
	}
	return inner
}

// original is the engine's own delivery, with the outcomes noted since.
func original(d *queue.Delivery) *queue.Delivery {
	t, ok := d.Token.(*ticket)
	if !ok {
		return d
	}
	t.delivery.Outcomes = d.Outcomes
	return t.delivery
}

// settled releases the bodies of deliveries, unless the caller still holds those.
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
