package job

import (
	"context"
	"fmt"
	"time"
)

const (
	// sweepStep bounds what is removed at once, and sweepEvery is the pause after it.
	sweepStep  = 100
	sweepEvery = time.Minute
)

// sweep removes jobs that were over long ago.
func (j *Jobs) sweep(ctx context.Context) {
	if _, err := j.cfg.Engine.Sweep(ctx, now().Add(-j.cfg.Keep), sweepStep); err != nil && ctx.Err() == nil {
		j.troubled(fmt.Errorf("removing jobs that are over: %w", err))
	}
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, pause time.Duration, f func(context.Context)) {
	for f(ctx); sleep(ctx, pause); {
		f(ctx)
	}
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
