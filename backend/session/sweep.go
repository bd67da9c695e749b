package session

import (
	"context"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

const (
	// sweepStep bounds what is removed at once, so that writers don't wait long.
	sweepStep = 200
	// sweepPause is the time between two steps while there is more to remove.
	sweepPause = 100 * time.Millisecond
	// sweepEvery is the time from the end of a sweep to the next.
	sweepEvery = time.Minute
)

// Run removes expired sessions until ctx ends; then it returns nil. Several processes may do
// so. An error is the engine's; Run may be called again.
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
		if !retry.Sleep(ctx, pause) {
			return nil
		}
	}
}
