package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/botgate/botgate/internal/queue"
)

// suspect reports whether the delivery may be a poison message; a consumer leases it only while it
// has no other suspect.
func (l *lease) suspect() bool { return l.crashes >= queue.SuspectAfter }

// leaseSuspect leases the first suspect that is ready, if there is one.
func (tx *transaction) leaseSuspect(owner int64, group int) ([]*lease, error) {
	l, err := scanLease(tx.suspect.QueryRowContext(tx.ctx, group))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = tx.exec(tx.leaseOne, owner, group, l.id)
	return []*lease{l}, err
}

// reap releases the leases of owners that are gone, and counts each as a crash: owners that are
// closed release theirs themselves.
func (q *Queue) reap(ctx context.Context) error {
	rows, err := q.reader.QueryContext(ctx, numbers.Replace("SELECT DISTINCT owner FROM deliveries WHERE "+everyLease))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var gone []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		dead, err := ownerGone(q.cfg.Path, id)
		if err != nil {
			return err
		}
		if dead {
			gone = append(gone, id)
		}
	}
	if err := rows.Err(); err != nil || len(gone) == 0 {
		return err
	}
	return q.writer.do(ctx, len(gone), func(tx *transaction) error {
		for _, id := range gone {
			if _, err := tx.exec(tx.crashed, id); err != nil {
				return err
			}
		}
		tx.touchAll()
		return nil
	})
}
