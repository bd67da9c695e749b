package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// errNoEvent is why a dead letter can't be redriven.
var errNoEvent = errors.New("it is no event")

// Redrive implements [queue.DeadLetters]. An event that comes back stands before those of
// its order key that still wait, since it was accepted before them.
func (q *Queue) Redrive(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	result, err := q.moveDead(ctx, query, (*transaction).redrive)
	if err != nil {
		return result, fmt.Errorf("redriving dead letters: %w", err)
	}
	return result, nil
}

// DropDead implements [queue.DeadLetters].
func (q *Queue) DropDead(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	result, err := q.moveDead(ctx, query, (*transaction).forgetDead)
	if err != nil {
		return result, fmt.Errorf("dropping dead letters: %w", err)
	}
	return result, nil
}

// moveDead has step move what matches, one transaction for each chunk. Dead
// letters that a consumer has leased, or that have just been moved, are skipped.
func (q *Queue) moveDead(ctx context.Context, query queue.DeadQuery,
	step func(*transaction, letter) (bool, error),
) (result queue.DeadResult, err error) {
	query = query.Bounded()
	result.Next, err = q.walkDead(ctx, query, func(found []letter) error {
		if len(found) == 0 {
			return nil
		}
		var done, skipped int
		err := q.write(ctx, len(found), func(tx *transaction) error {
			done, skipped = 0, 0
			for _, l := range found {
				moved, err := step(tx, l)
				switch {
				case errors.Is(err, errNoEvent):
					skipped++
				case err != nil:
					return err
				case moved:
					done++
				}
			}
			return nil
		})
		if err == nil {
			result.Done, result.Skipped = result.Done+done, result.Skipped+skipped
		}
		return err
	})
	return result, err
}

// redrive restores a dead letter and queues the change that reports it, in the same transaction.
func (tx *transaction) redrive(l letter) (bool, error) {
	moved, err := tx.restore(l)
	if err != nil || !moved || groupOf(l.id) != groupDispatch {
		return moved, err
	}
	now := time.Now()
	news, err := event.NewReplay(l.Event, l.Replays+1, now)
	if err != nil {
		return false, err
	}
	return true, tx.report(news, now.UnixNano())
}

// restore moves a dead letter back to its group.
func (tx *transaction) restore(l letter) (bool, error) {
	if l.Event.ID == "" {
		return false, errNoEvent
	}
	group, order := groupOf(l.id), sql.NullInt64{}
	if group == groupDispatch {
		order = sql.NullInt64{Int64: hashText(l.Event.Key()), Valid: true}
	}
	if l.state == stateLeased {
		return false, nil
	}
	n, err := tx.exec(tx.redriveDead, l.state, l.id, group, order)
	if err != nil || n == 0 {
		return false, err
	}
	tx.arriveOf(group, l.Event.Bot)
	return true, tx.leave(groupDead, sql.NullInt64{})
}

// forgetDead removes a dead letter, and its event with the last delivery.
func (tx *transaction) forgetDead(l letter) (bool, error) {
	if l.state == stateLeased {
		return false, nil
	}
	n, err := tx.exec(tx.dropDead, l.state, l.id)
	if err != nil || n == 0 {
		return false, err
	}
	if err := tx.finish(l.id); err != nil {
		return false, err
	}
	return true, tx.leave(groupDead, sql.NullInt64{})
}
