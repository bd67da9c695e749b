package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DeadInfo says how an event came into the dead letters.
type DeadInfo struct {
	// Group is the group whose consumer dead-lettered it.
	Group Group `json:"group"`
	// Reason is the one given to [Consumer.DeadLetter].
	Reason string `json:"reason"`
	// Attempts is the Attempt of the delivery.
	Attempts int `json:"attempts"`
	// At is when it was dead-lettered.
	At time.Time `json:"at"`
	// Replays is how often the event had been replayed before.
	Replays int `json:"replays,omitempty"`
	// Outcomes are those of the delivery.
	Outcomes []Outcome `json:"outcomes,omitempty"`
}

// NewDeadInfo describes a delivery that a group's consumer dead-letters now. A dead letter that
// is dead-lettered again keeps all but the reason and the time.
func NewDeadInfo(d *Delivery, group Group, reason string) DeadInfo {
	info := DeadInfo{Group: group, Attempts: d.Attempt, Replays: d.Replays, Outcomes: d.Outcomes}
	if d.Dead != nil {
		info = *d.Dead
	}
	info.Reason, info.At = reason, time.Now().UTC()
	return info
}

const (
	// MaxDead is how many dead letters one call of [EachDead] goes through.
	MaxDead = 1000
	// deadSilence is how long nothing may arrive until the rest is in the hands of others.
	deadSilence = 2 * time.Second
)

// EachDead hands the first dead letters of a queue to each, at most limit of them or MaxDead, with the
// consumer to settle them by. Those that are not settled stay, in their order; meanwhile others do not
// get them. It returns how many there are in all.
func EachDead(ctx context.Context, q Queue, limit int, each func(Consumer, *Delivery) error) (all int64, err error) {
	depths, err := q.Depths(ctx)
	if err != nil {
		return 0, fmt.Errorf("counting the dead letters: %w", err)
	}
	all = depths[Dead]
	left := int(min(all, int64(limit), MaxDead))
	if left <= 0 {
		return all, nil
	}
	c, err := q.Subscribe(ctx, Dead, SubscribeOptions{Prefetch: left})
	if err != nil {
		return all, fmt.Errorf("subscribing to the dead letters: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for left > 0 {
		waiting, cancel := context.WithTimeout(ctx, deadSilence)
		ds, err := c.Receive(waiting, left)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return all, nil
		case err != nil:
			return all, fmt.Errorf("reading the dead letters: %w", err)
		}
		left -= len(ds)
		for _, d := range ds {
			if err := each(c, d); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}
