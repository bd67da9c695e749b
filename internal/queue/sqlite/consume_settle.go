package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// Ack implements [queue.Consumer]. Where some deliveries are lost, the others are
// acknowledged all the same.
func (c *consumer) Ack(ctx context.Context, deliveries ...*queue.Delivery) error {
	return c.settleAll(ctx, deliveries, func(tx *transaction, leases []*lease) (int, error) {
		return tx.acknowledge(c.owner.id, c.number, leases)
	})
}

// Retry implements [queue.Consumer]. The delay outlasts consumer and process.
func (c *consumer) Retry(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.requeue(ctx, d, delay, 1)
}

// Postpone implements [queue.Consumer]. The delay outlasts consumer and process.
func (c *consumer) Postpone(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.requeue(ctx, d, delay, 0)
}

func (c *consumer) requeue(ctx context.Context, d *queue.Delivery, delay time.Duration, attempts int) error {
	state, due := stateReady, int64(0)
	if delay > 0 {
		c.q.maxDelay(delay)
		state, due = stateDelayed, time.Now().Add(delay).UnixNano()
	}
	outcomes, err := json.Marshal(d.Outcomes)
	if err != nil {
		return fmt.Errorf("encoding the outcomes of event %s: %w", d.Event.ID, err)
	}
	return c.settleEach(ctx, []*queue.Delivery{d}, func(tx *transaction, l *lease) (bool, error) {
		n, err := tx.exec(tx.retry, c.number, l.id, c.owner.id, state, due, attempts, string(outcomes))
		tx.touched[slot(c.number)] = true
		return n > 0, err
	})
}

// maxDelay is the longest delay that was asked for by this handle, this one included.
func (q *Queue) maxDelay(delay time.Duration) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.longestDelay = max(q.longestDelay, delay)
	return q.longestDelay
}

// DeadLetter implements [queue.Consumer]. A dead letter that is
// dead-lettered again stays one, with the new reason.
func (c *consumer) DeadLetter(ctx context.Context, d *queue.Delivery, reason string) error {
	encoded, err := json.Marshal(queue.NewDeadInfo(d, c.group, reason))
	if err != nil {
		return fmt.Errorf("encoding the dead letter of event %s: %w", d.Event.ID, err)
	}
	return c.settleEach(ctx, []*queue.Delivery{d}, func(tx *transaction, l *lease) (bool, error) {
		n, err := tx.exec(tx.deadLetter, c.number, l.id, c.owner.id, string(encoded))
		if err != nil || n == 0 {
			return false, err
		}
		tx.arrive(groupDead)
		return true, tx.leaveBy(c.number, l)
	})
}

// settleEach settles deliveries, each by a step that reports whether it was still this consumer's.
func (c *consumer) settleEach(
	ctx context.Context, deliveries []*queue.Delivery, step func(*transaction, *lease) (bool, error),
) error {
	return c.settleAll(ctx, deliveries, func(tx *transaction, leases []*lease) (settled int, err error) {
		for _, l := range leases {
			ok, err := step(tx, l)
			if err != nil {
				return 0, err
			}
			if ok {
				settled++
			}
		}
		return settled, nil
	})
}

// settleAll settles deliveries by a function that returns how many were still this consumer's. Lost ones
// do not keep the others from being settled.
func (c *consumer) settleAll(
	ctx context.Context, deliveries []*queue.Delivery, settle func(*transaction, []*lease) (int, error),
) error {
	leases, lost := c.seize(deliveries...)
	if len(leases) == 0 {
		return lost
	}
	settled := 0
	err := c.settle(ctx, leases, func(tx *transaction) (err error) {
		settled, err = settle(tx, leases)
		return err
	})
	if err == nil && settled < len(leases) {
		lost = queue.ErrLost
	}
	return cmp.Or(err, lost)
}

// seize marks deliveries as being settled, so that they are not settled twice. Those that
// this consumer does not hold are left out and make the error ErrLost.
func (c *consumer) seize(deliveries ...*queue.Delivery) (leases []*lease, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, queue.ErrClosed
	}
	for _, d := range deliveries {
		l, ok := d.Token.(*lease)
		if !ok || c.held[l.id] != l || l.settled {
			err = queue.ErrLost
			continue
		}
		l.settled = true
		leases = append(leases, l)
	}
	return leases, err
}

// settle executes what settles leases. When that fails they stay with the consumer, which
// may try again.
func (c *consumer) settle(ctx context.Context, leases []*lease, apply func(*transaction) error) error {
	err := c.q.write(ctx, len(leases), apply)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range leases {
		switch {
		case err != nil:
			l.settled = false
		case c.held[l.id] == l: // Lost, it may have been leased again already.
			c.forget(l.id)
		}
	}
	c.room.Signal()
	return err
}
