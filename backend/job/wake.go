package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

const (
	// wakeStep is how many jobs are handed out again at once.
	wakeStep = 50
	// sweepStep bounds what is removed at once, and sweepEvery is the pause after it.
	sweepStep  = 100
	sweepEvery = time.Minute
)

// wake hands out again what nothing became of: its worker was killed, or its message lost.
// Several processes may do so.
func (j *Jobs) wake(ctx context.Context) {
	err := j.wakeDue(ctx)
	switch {
	case err == nil:
		j.recovered()
	case ctx.Err() == nil:
		j.troubled(fmt.Errorf("looking for jobs to go on with: %w", err))
	}
}

func (j *Jobs) wakeDue(ctx context.Context) error {
	due, err := j.cfg.Engine.Due(ctx, now(), wakeStep)
	if err != nil {
		return err
	}
	for _, there := range due {
		next, at := *there, now()
		next.Version = rand.Text()
		// The longer it waits, the more messages may be there about it already.
		next.WakeAt = at.Add(max(firstWake, at.Sub(there.UpdatedAt)))
		switch err := j.cfg.Engine.Store(ctx, &next, there.Version); {
		case errors.Is(err, ErrConflict):
			continue // Somebody else is at it.
		case err != nil:
			return err
		}
		if err := j.tell(ctx, there.ID); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes jobs that were over long ago.
func (j *Jobs) sweep(ctx context.Context) {
	if _, err := j.cfg.Engine.Sweep(ctx, now().Add(-j.cfg.Keep), sweepStep); err != nil && ctx.Err() == nil {
		j.troubled(fmt.Errorf("removing jobs that are over: %w", err))
	}
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, pause time.Duration, f func(context.Context)) error {
	for f(ctx); sleep(ctx, pause); {
		f(ctx)
	}
	return nil
}

// sleep reports whether ctx lasted.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
