package dead

import (
	"context"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// Move is [queue.DeadLetters.Redrive] or DropDead.
type Move func(context.Context, queue.DeadQuery) (queue.DeadResult, error)

// All moves every match that was dead-lettered before now: an event that is dead-lettered again meanwhile stays, or a
// bot that still rejects it would make this endless. limit bounds how many are moved; 0 for no bound. With an error it
// also returns what was done before.
func All(ctx context.Context, filter queue.DeadFilter, limit int, now time.Time, move Move) (all queue.DeadResult, err error) {
	if filter.Until.IsZero() || filter.Until.After(now) {
		filter.Until = now
	}
	q := queue.DeadQuery{DeadFilter: filter}
	for {
		q.Limit = queue.MaxDeadPage
		if limit > 0 {
			q.Limit = min(q.Limit, limit-all.Done)
		}
		result, err := move(ctx, q)
		all.Done += result.Done
		all.Skipped += result.Skipped
		all.Next, all.Truncated = result.Next, result.Truncated
		if err != nil || result.Next == "" || limit > 0 && all.Done >= limit {
			return all, err
		}
		q.After = result.Next
	}
}
