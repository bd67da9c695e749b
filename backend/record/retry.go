package record

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// The wait after the first failed try; it doubles with each one, up to the last.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// retry calls try until it succeeds, fails for good, or ctx has ended, and returns its
// last error. Meanwhile the recorder is not healthy.
func (r *Recorder) retry(ctx context.Context, again func(error) bool, try func() error) error {
	for attempt := 0; ; attempt++ {
		err := try()
		if err == nil || !again(err) {
			r.recovered()
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		r.metrics.retries.Inc()
		r.troubled(err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(backoff(attempt)):
		}
	}
}

// backoff is random in its upper half, so that processes do not come back together.
func backoff(attempt int) time.Duration {
	ceiling := min(minBackoff<<min(attempt, 10), maxBackoff)
	return ceiling/2 + rand.N(ceiling/2)
}

// troubled and recovered log the first of many failures and its end.
func (r *Recorder) troubled(err error) {
	if r.trouble.Swap(&err) == nil {
		r.log.Warn("events can't be recorded at present and stay in the queue", slog.Any("error", err))
	}
}

func (r *Recorder) recovered() {
	if r.trouble.Swap(nil) != nil {
		r.log.Info("events are recorded again")
	}
}
