package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/botgate/botgate/internal/queue"
)

// Park implements [queue.Consumer]. The deliveries move in one transaction and keep what is
// known of their attempts and crashes.
func (c *consumer) Park(ctx context.Context, name string, deliveries ...*queue.Delivery) error {
	if c.group != queue.Record {
		return fmt.Errorf("parking: the group %s has no parking lots", c.group)
	}
	number, err := c.q.numberOf(ctx, queue.ParkingLot(name))
	if err != nil {
		return fmt.Errorf("parking: %w", err)
	}
	return c.settleEach(ctx, deliveries, func(tx *transaction, l *lease) (bool, error) {
		n, err := tx.exec(tx.park, c.number, l.id, c.owner.id, number)
		if err != nil || n == 0 {
			return false, err
		}
		tx.arrive(number)
		return true, tx.leave(c.number, sql.NullInt64{})
	})
}

// numberOf is the number of a group in the file. A parking lot gets one when it is new.
func (q *Queue) numberOf(ctx context.Context, group queue.Group) (number int, err error) {
	if number, ok := groupNumbers[group]; ok {
		return number, nil
	}
	name, ok := group.ParkingLot()
	if !ok {
		return 0, fmt.Errorf("there is no group %q", group)
	}
	err = q.read(ctx, func() error {
		err := q.reader.QueryRowContext(ctx, "SELECT grp FROM parking_lots WHERE name = ?", name).Scan(&number)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || number > 0 {
		return number, err
	}
	err = q.write(ctx, 1, func(tx *transaction) error {
		if _, err := tx.exec(tx.addLot, name); err != nil {
			return err
		}
		return tx.lotNumber.QueryRowContext(tx.ctx, name).Scan(&number)
	})
	return number, err
}
