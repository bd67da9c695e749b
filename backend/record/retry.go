package record

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// The wait after the first failed try; it doubles with each one, up to the last.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// backoff is random in its upper half, so that processes do not come back together.
func backoff(attempt int) time.Duration {
	ceiling := min(minBackoff<<min(attempt, 10), maxBackoff)
	return ceiling/2 + rand.N(ceiling/2)
}

// gone reports whether deliveries can't be settled any more. They come again, which the store
// does not mind.
func gone(err error) bool { return errors.Is(err, queue.ErrLost) || errors.Is(err, queue.ErrClosed) }

// settle tells the queue what became of deliveries, however often that takes, until ctx ends.
// Meanwhile the recorder is not healthy.
func (in *intake) settle(ctx context.Context, tell func(context.Context) error) {
	for attempt := 0; ; attempt++ {
		err := in.tellOnce(tell)
		switch {
		case err == nil:
			in.recovered()
			return
		case gone(err):
			in.recovered()
			in.log.Warn("recorded events could not be acknowledged and come again", slog.Any("error", err))
			return
		case ctx.Err() != nil:
			return
		}
		in.metrics.retries.Inc()
		in.troubled(err)
		wait(ctx, nil, backoff(attempt))
	}
}

func (in *intake) tellOnce(tell func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(in.finish, settleTimeout)
	defer cancel()
	return tell(ctx)
}

// troubled and recovered log the first of many failures of the queue and its end.
func (r *Recorder) troubled(err error) {
	if r.trouble.Swap(&err) == nil {
		r.log.Warn("the queue can't be told what is recorded, so events may be recorded again", slog.Any("error", err))
	}
}

func (r *Recorder) recovered() {
	if r.trouble.Swap(nil) != nil {
		r.log.Info("the queue is told again what is recorded")
	}
}
