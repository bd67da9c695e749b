package store

import (
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// AsOf returns a record as of a time, from its attempts; [ErrNotFound] for a time before the
// event was accepted. The record itself is not changed.
//
// It goes by when attempts ended, not by when they were recorded. So the answer can change later:
// changes of that time may still be in the queue.
func AsOf(r *Record, at time.Time) (*Record, error) {
	if at.Before(r.Event.Time) {
		return nil, fmt.Errorf("%w at %s", ErrNotFound, at.UTC().Format(time.RFC3339))
	}
	state := acceptance(r.Event).State
	then := *r
	then.Attempts = make([]event.Change, 0, len(r.Attempts))
	for _, c := range r.Attempts {
		if !c.At.After(at) {
			then.Attempts = append(then.Attempts, c)
			state = state.Merge(State{Status: c.Status, Attempts: c.Attempt, Replays: c.Replays, UpdatedAt: Micros(c.At)})
		}
	}
	then.Status, then.AttemptCount, then.UpdatedAt = state.Status, state.Attempts, state.UpdatedAt
	return &then, nil
}
