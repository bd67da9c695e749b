package claimcheck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/tracing"
)

const (
	// transferTimeout bounds moving one body.
	transferTimeout = 30 * time.Second
	// maxAttempts is how often a body that is missing or damaged is fetched.
	maxAttempts = 5
	// unavailablePauses is how many pauses a delivery is postponed at least while the store is
	// unavailable.
	unavailablePauses = 5
	// settlePause is between two tries to settle a delivery.
	settlePause = 500 * time.Millisecond
)

// errNoStore means that this process has no address of a blob store.
var errNoStore = fmt.Errorf("%w: this process has no address of one; it needs that of the gateways", blob.ErrUnavailable)

// fetch gets the body of a delivery and makes it ready, or has it redelivered.
func (c *consumer) fetch(d *queue.Delivery) {
	ref, err := blob.ParseRef(d.Event.DataRef)
	if err != nil {
		c.deliver(d, nil, fmt.Errorf("the reference to its body can't be read: %w", err), func() {})
		return
	}
	weight := min(ref.Size, c.cfg.HeldBytes)
	if c.held.Acquire(c.ctx, weight) != nil {
		return // The consumer is being closed, which requeues the delivery.
	}
	release := sync.OnceFunc(func() { c.held.Release(weight) })
	data, err := c.get(d, ref)
	c.report(err)
	switch {
	case err == nil:
		c.deliver(d, data, nil, release)
		return
	case c.ctx.Err() != nil:
	case c.group == queue.Dead:
		c.deliver(d, nil, err, release)
		return
	case errors.Is(err, blob.ErrUnavailable):
		// Not this event's fault, so no attempt is counted.
		least := unavailablePauses * c.cfg.Pause
		c.settle(func() error { return c.inner.Postpone(c.ctx, d, least+rand.N(least)) })
	case d.Attempt < maxAttempts:
		c.settle(func() error { return c.inner.Retry(c.ctx, d, c.cfg.Pause<<max(0, d.Attempt-1)) })
	default:
		c.deliver(d, nil, err, release)
		return
	}
	release()
}

func (c *consumer) get(d *queue.Delivery, ref blob.Ref) ([]byte, error) {
	if err := c.slots.Acquire(c.ctx, 1); err != nil {
		return nil, err
	}
	defer c.slots.Release(1)
	attempt := tracing.Attempt{Number: d.Attempt, Replays: d.Replays}
	ctx, span := c.cfg.Messaging.FetchBody(c.ctx, d.Event, attempt, string(c.group), ref.Size)
	defer span.End()
	data, err := c.cfg.get(ctx, ref)
	if c.ctx.Err() == nil {
		gets.WithLabelValues(outcomeOf(err)).Inc()
	}
	if err != nil {
		tracing.Fail(span, outcomeOf(err))
	}
	return data, err
}

func (c Config) get(ctx context.Context, ref blob.Ref) ([]byte, error) {
	if c.Blobs == nil {
		return nil, errNoStore
	}
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	return c.Blobs.Get(ctx, ref)
}

// deliver makes a delivery ready, with its body or the error. The event is a copy: the engine's
// own stays as it was published.
func (c *consumer) deliver(d *queue.Delivery, data []byte, unreadable error, release func()) {
	e := *d.Event
	if unreadable == nil {
		e.Data, e.DataRef = data, ""
	}
	delivered := *d
	delivered.Event, delivered.Unreadable, delivered.Token = &e, unreadable, &ticket{d, release}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = append(c.ready, &delivered)
	c.arrive()
	c.arrival, c.arrive = context.WithCancel(context.Background())
}

// settle repeats an operation of the inner consumer until it succeeds or is pointless.
func (c *consumer) settle(operation func() error) {
	retry.Backoff{Min: settlePause}.Until(c.ctx, func() bool {
		err := operation()
		return err == nil || errors.Is(err, queue.ErrLost) || errors.Is(err, queue.ErrClosed)
	})
}

// report logs when the store becomes unavailable and available again, and each body that is
// missing or damaged.
func (c *consumer) report(err error) {
	if c.ctx.Err() != nil {
		return
	}
	unavailable := errors.Is(err, blob.ErrUnavailable)
	c.mu.Lock()
	changed := unavailable != c.unavailable
	c.unavailable = unavailable
	c.mu.Unlock()
	switch {
	case unavailable && changed:
		c.cfg.Logger.Error("blob store is unavailable, so events with large bodies wait in the queue",
			slog.String("group", string(c.group)), slog.Any("error", err))
	case changed:
		c.cfg.Logger.Info("blob store is available again", slog.String("group", string(c.group)))
	}
	if err != nil && !unavailable {
		c.cfg.Logger.Error("body of an event can't be had", slog.String("group", string(c.group)), slog.Any("error", err))
	}
}
