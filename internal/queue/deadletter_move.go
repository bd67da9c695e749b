package queue

import (
	"context"
	"time"
)

// DeadMove is [DeadLetters.Redrive] or DropDead.
type DeadMove func(context.Context, DeadQuery) (DeadResult, error)

// All moves every match that is dead-lettered by now: an event that is dead-lettered again meanwhile
// stays, or a bot that still rejects it would make this endless. limit bounds how many are moved; 0
// for no bound. With an error it also returns what was done before.
func (move DeadMove) All(ctx context.Context, filter DeadFilter, limit int) (all DeadResult, err error) {
	if now := time.Now(); filter.Until.IsZero() || filter.Until.After(now) {
		filter.Until = now
	}
	q := DeadQuery{DeadFilter: filter}
	for {
		q.Limit = MaxDeadPage
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
