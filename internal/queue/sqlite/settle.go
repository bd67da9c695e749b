package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// Ack implements [queue.Consumer]. Where some deliveries are lost, the others are
// acknowledged all the same.
func (c *consumer) Ack(ctx context.Context, deliveries ...*queue.Delivery) error {
	return c.settleAll(ctx, deliveries, func(tx *transaction, cl *claim) (bool, error) {
		return tx.acknowledge(c.owner.id, c.number, cl)
	})
}

// Retry implements [queue.Consumer]. The delay outlasts consumer and process.
func (c *consumer) Retry(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.comeAgain(ctx, d, delay, 1)
}

// Postpone implements [queue.Consumer]. The delay outlasts consumer and process.
func (c *consumer) Postpone(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.comeAgain(ctx, d, delay, 0)
}

func (c *consumer) comeAgain(ctx context.Context, d *queue.Delivery, delay time.Duration, attempts int) error {
	state, due := stateReady, int64(0)
	if delay > 0 {
		state, due = stateDelayed, time.Now().Add(delay).UnixNano()
	}
	outcomes, err := encodeOutcomes(d)
	if err != nil {
		return err
	}
	return c.settleOne(ctx, d, func(tx *transaction, cl *claim) (bool, error) {
		n, err := tx.exec(tx.retry, c.number, cl.id, c.owner.id, state, due, attempts, outcomes)
		tx.touched[slot(c.number)] = true
		return n > 0, err
	})
}

func encodeOutcomes(d *queue.Delivery) (sql.NullString, error) {
	if len(d.Outcomes) == 0 {
		return sql.NullString{}, nil
	}
	encoded, err := json.Marshal(d.Outcomes)
	if err != nil {
		return sql.NullString{}, fmt.Errorf("encoding the outcomes of event %s: %w", d.Event.ID, err)
	}
	return sql.NullString{String: string(encoded), Valid: true}, nil
}

// DeadLetter implements [queue.Consumer]. A dead letter that is
// dead-lettered again stays one, with the new reason.
func (c *consumer) DeadLetter(ctx context.Context, d *queue.Delivery, reason string) error {
	encoded, err := json.Marshal(queue.NewDeadInfo(d, c.group, reason))
	if err != nil {
		return fmt.Errorf("encoding the dead letter of event %s: %w", d.Event.ID, err)
	}
	return c.settleOne(ctx, d, func(tx *transaction, cl *claim) (bool, error) {
		n, err := tx.exec(tx.deadLetter, c.number, cl.id, c.owner.id, string(encoded))
		if err != nil || n == 0 {
			return false, err
		}
		tx.arrive(groupDead)
		return true, tx.leave(c.number, cl.lane)
	})
}

// settleOne is settleAll for one delivery.
func (c *consumer) settleOne(ctx context.Context, d *queue.Delivery, step func(*transaction, *claim) (bool, error)) error {
	return c.settleAll(ctx, []*queue.Delivery{d}, step)
}

// settleAll settles deliveries, each by a step that reports whether it was still this
// consumer's. Those that are lost keep the others from nothing.
func (c *consumer) settleAll(ctx context.Context, deliveries []*queue.Delivery, step func(*transaction, *claim) (bool, error)) error {
	claims, lost := c.seize(deliveries...)
	if len(claims) == 0 {
		return lost
	}
	var gone int
	err := c.settle(ctx, claims, func(tx *transaction) error {
		gone = 0
		for _, cl := range claims {
			ok, err := step(tx, cl)
			if err != nil {
				return err
			}
			if !ok {
				gone++
			}
		}
		return nil
	})
	if err == nil && gone > 0 {
		return queue.ErrLost
	}
	if err != nil {
		return err
	}
	return lost
}

// seize marks deliveries as being settled, so that nobody settles them twice. Those that
// this consumer does not hold are left out and make the error ErrLost.
func (c *consumer) seize(deliveries ...*queue.Delivery) (claims []*claim, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, queue.ErrClosed
	}
	for _, d := range deliveries {
		cl, ok := d.Token.(*claim)
		if !ok || c.held[cl.id] != cl || cl.settled {
			err = queue.ErrLost
			continue
		}
		cl.settled = true
		claims = append(claims, cl)
	}
	return claims, err
}

// settle executes what settles claims. When that fails they stay with the consumer, which
// may try again.
func (c *consumer) settle(ctx context.Context, claims []*claim, apply func(*transaction) error) error {
	err := c.q.enter()
	if err == nil {
		err = c.q.writer.do(ctx, len(claims), apply)
		c.q.leave()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cl := range claims {
		switch {
		case err != nil:
			cl.settled = false
		case c.held[cl.id] == cl: // Lost, it may have been claimed again already.
			c.letGo(cl.id)
		}
	}
	signal(c.room)
	return err
}

// acknowledge takes a delivery out for good, and its event with the last one.
func (tx *transaction) acknowledge(owner int64, group int, cl *claim) (bool, error) {
	n, err := tx.exec(tx.ack, group, cl.id, owner)
	if err != nil || n == 0 {
		return false, err
	}
	if err := tx.finish(cl.id); err != nil {
		return false, err
	}
	return true, tx.leave(group, cl.lane)
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
