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
)

const (
	// transferTimeout bounds moving one body.
	transferTimeout = 30 * time.Second
	// maxAttempts is how often a body that is missing or damaged is looked for.
	maxAttempts = 5
	// awayPauses is for how many pauses a delivery waits at least while the store does not work.
	awayPauses = 5
	// settlePause is between two tries to settle a delivery.
	settlePause = 500 * time.Millisecond
)

// errNoStore means that this process was not told where bodies are.
var errNoStore = fmt.Errorf("%w: this process has no address of one; it needs that of the gateways", blob.ErrUnavailable)

// fetch gets the body of a delivery and makes it ready, or sees to it that it comes again.
func (c *consumer) fetch(d *queue.Delivery) {
	ref, err := blob.ParseRef(d.Event.DataRef)
	if err != nil {
		c.give(d, nil, fmt.Errorf("the reference to its body can't be read: %w", err), func() {})
		return
	}
	weight := min(ref.Size, c.cfg.HeldBytes)
	if c.held.Acquire(c.ctx, weight) != nil {
		return // The consumer is being closed and the delivery goes back.
	}
	release := sync.OnceFunc(func() { c.held.Release(weight) })
	data, err := c.get(ref)
	c.tell(err)
	switch {
	case err == nil:
		c.give(d, data, nil, release)
		return
	case c.ctx.Err() != nil:
	case c.group == queue.Dead:
		c.give(d, nil, err, release)
		return
	case errors.Is(err, blob.ErrUnavailable):
		// Not this event's fault: it waits, and no attempt is counted.
		least := awayPauses * c.cfg.Pause
		c.settle(func() error { return c.beneath.Postpone(c.ctx, d, least+rand.N(least)) })
	case d.Attempt < maxAttempts:
		c.settle(func() error { return c.beneath.Retry(c.ctx, d, c.cfg.Pause<<max(0, d.Attempt-1)) })
	default:
		c.give(d, nil, err, release)
		return
	}
	release()
}

func (c *consumer) get(ref blob.Ref) ([]byte, error) {
	if c.cfg.Blobs == nil {
		return nil, errNoStore
	}
	if err := c.slots.Acquire(c.ctx, 1); err != nil {
		return nil, err
	}
	defer c.slots.Release(1)
	ctx, cancel := context.WithTimeout(c.ctx, transferTimeout)
	defer cancel()
	data, err := c.cfg.Blobs.Get(ctx, ref)
	if c.ctx.Err() == nil {
		gets.WithLabelValues(outcomeOf(err)).Inc()
	}
	return data, err
}

// give hands a delivery out, with its body or with what became of it. The event is a copy:
// the engine's own stays as it was published.
func (c *consumer) give(d *queue.Delivery, data []byte, unreadable error, release func()) {
	e := *d.Event
	if unreadable == nil {
		e.Data, e.DataRef = data, ""
	}
	given := *d
	given.Event, given.Unreadable, given.Token = &e, unreadable, &ticket{d, release}
	c.finish(&given)
}

// settle repeats an operation of the queue beneath until it makes no more sense.
func (c *consumer) settle(operation func() error) {
	for {
		err := operation()
		if err == nil || errors.Is(err, queue.ErrLost) || errors.Is(err, queue.ErrClosed) {
			return
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(settlePause):
		}
	}
}

// tell logs when the store stops working and when it works again, and each body that is not
// there.
func (c *consumer) tell(err error) {
	if c.ctx.Err() != nil {
		return
	}
	away := errors.Is(err, blob.ErrUnavailable)
	c.mu.Lock()
	changed := away != c.trouble
	c.trouble = away
	c.mu.Unlock()
	switch {
	case away && changed:
		c.cfg.Logger.Error("blob store does not work, so events with large bodies wait in the queue",
			slog.String("group", string(c.group)), slog.Any("error", err))
	case changed:
		c.cfg.Logger.Info("blob store works again", slog.String("group", string(c.group)))
	}
	if err != nil && !away {
		c.cfg.Logger.Error("body of an event can't be had", slog.String("group", string(c.group)), slog.Any("error", err))
	}
}
