package session

import (
	"context"
	"time"
)

const (
	// sweepStep bounds what is removed at once, so that writers don't wait for it long.
	sweepStep = 200
	// sweepPause is the time between two steps while there is more to remove.
	sweepPause = 100 * time.Millisecond
	// sweepEvery is the time from the end of a sweep to the next.
	sweepEvery = time.Minute
)

// Run removes sessions that ended, until ctx ends; then it returns nil. Several processes
// may do so. An error is the engine's: Run is to be started again after a while.
func (s *Sessions) Run(ctx context.Context) error {
	for {
		removed, err := s.cfg.Engine.Sweep(ctx, s.now(), sweepStep)
		s.metrics.expired.Add(float64(removed))
		if err != nil && ctx.Err() == nil {
			return err
		}
		pause := sweepEvery
		if removed == sweepStep {
			pause = sweepPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}
