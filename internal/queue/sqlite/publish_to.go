package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// PublishTo implements [queue.Queue]. What is for both groups is there twice then; the history has
// the one for Record.
func (q *Queue) PublishTo(ctx context.Context, group queue.Group, e *event.Event) error {
	r, err := newRow(e)
	if err != nil {
		return err
	}
	r.record, r.dispatch = r.record && group == queue.Record, r.dispatch && group == queue.Dispatch
	if !r.record && !r.dispatch {
		return fmt.Errorf("%w: event %s does not concern the group %s", queue.ErrInvalid, e.ID, group)
	}
	r.again = r.dispatch
	return q.write(ctx, 1, func(tx *transaction) error {
		now := time.Now().UnixNano()
		var whole int
		if err := tx.seen.QueryRowContext(tx.ctx, r.seen).Scan(&whole); err != nil || whole > 0 {
			return err
		}
		if n, err := tx.exec(tx.remember, seenKey(r.id+"@"+string(group)), now); err != nil || n == 0 {
			return err
		}
		return tx.queue(&r, now)
	})
}
