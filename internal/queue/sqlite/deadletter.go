package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Redrive implements [queue.Consumer]. An event stands where it stood among those of its order key, but
// what is under way goes on.
func (c *consumer) Redrive(ctx context.Context, deliveries ...*queue.Delivery) error {
	if c.group != queue.Dead {
		return fmt.Errorf("redriving: the group %s has no dead letters", c.group)
	}
	events := map[int64]*event.Event{}
	for _, d := range deliveries {
		if l, ok := d.Token.(*lease); ok {
			events[l.id] = d.Event
		}
	}
	return c.settleEach(ctx, deliveries, func(tx *transaction, l *lease) (bool, error) {
		e, group := events[l.id], groupOf(l.id)
		n, err := tx.exec(tx.redrive, c.number, l.id, c.owner.id, group, orderOf(l.id, e))
		if err != nil || n == 0 {
			return false, err
		}
		tx.arriveOf(group, e.Lane())
		return true, tx.leave(c.number, sql.NullInt64{})
	})
}

// orderOf is the order_hash of a delivery, null but in Dispatch.
func orderOf(id int64, e *event.Event) (order sql.NullInt64) {
	if groupOf(id) == groupDispatch {
		order = sql.NullInt64{Int64: hashText(e.Key()), Valid: true}
	}
	return order
}
