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
	return c.settleAll(ctx, deliveries, func(tx *transaction, l *lease) (bool, error) {
		return tx.acknowledge(c.owner.id, c.number, l)
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
	return c.settleAll(ctx, []*queue.Delivery{d}, func(tx *transaction, l *lease) (bool, error) {
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
	return c.settleAll(ctx, []*queue.Delivery{d}, func(tx *transaction, l *lease) (bool, error) {
		n, err := tx.exec(tx.deadLetter, c.number, l.id, c.owner.id, string(encoded))
		if err != nil || n == 0 {
			return false, err
		}
		tx.arrive(groupDead)
		return true, tx.leaveBy(c.number, l)
	})
}

// settleAll settles deliveries, each by a step that reports whether it was still this
// consumer's. Lost ones do not keep the others from being settled.
func (c *consumer) settleAll(ctx context.Context, deliveries []*queue.Delivery, step func(*transaction, *lease) (bool, error)) error {
	leases, lost := c.seize(deliveries...)
	if len(leases) == 0 {
		return lost
	}
	gone := 0
	err := c.settle(ctx, leases, func(tx *transaction) error {
		gone = 0
		for _, l := range leases {
			ok, err := step(tx, l)
			if err != nil {
				return err
			}
			if !ok {
				gone++
			}
		}
		return nil
	})
	if gone > 0 {
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

// acknowledge takes a delivery out for good, and its event with the last one.
func (tx *transaction) acknowledge(owner int64, group int, l *lease) (bool, error) {
	n, err := tx.exec(tx.ack, group, l.id, owner)
	if err != nil || n == 0 {
		return false, err
	}
	if err := tx.finish(l.id); err != nil {
		return false, err
	}
	return true, tx.leaveBy(group, l)
}

// finish removes the event of a delivery that is gone, unless the other one is still there
// or the history keeps it.
func (tx *transaction) finish(id int64) error {
	if tx.keeps && seqOf(id) >= tx.floor {
		return nil
	}
	_, err := tx.exec(tx.dropEvent, seqOf(id), groupOf(sibling(id)), sibling(id))
	return err
}
