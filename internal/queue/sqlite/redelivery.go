package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// redelivered is an event that is queued again for Dispatch.
type redelivered struct {
	row
	key    []byte       // By which its repeats are known.
	change *event.Event // The one that reports it; nil for none.
}

// Redeliver implements [queue.Queue]. What was redelivered with the same number within the repeat
// window is a repeat.
func (q *Queue) Redeliver(ctx context.Context, events ...queue.Redelivery) error {
	rows := make([]redelivered, len(events))
	for i, e := range events {
		var err error
		if rows[i], err = newRedelivered(e); err != nil {
			return fmt.Errorf("redelivering: %w", err)
		}
	}
	err := q.write(ctx, len(rows), func(tx *transaction) error {
		now := time.Now().UnixNano()
		for i := range rows {
			if err := tx.redeliver(&rows[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("redelivering: %w", err)
	}
	return nil
}

func newRedelivered(e queue.Redelivery) (r redelivered, err error) {
	if r.row, err = newRow(e.Event); err != nil {
		return r, err
	}
	if r.change, err = e.Change(); err != nil {
		return r, err
	}
	r.record, r.again, r.replays = false, true, e.Replays
	r.key = seenKey(r.id + "#" + strconv.Itoa(e.Replays))
	return r, nil
}

func (tx *transaction) redeliver(r *redelivered, now int64) error {
	if n, err := tx.exec(tx.remember, r.key, now); err != nil || n == 0 {
		return err
	}
	if err := tx.queue(&r.row, now); err != nil {
		return err
	}
	return tx.report(r.change, now)
}
