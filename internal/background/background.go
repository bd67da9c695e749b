// Package background owns goroutines: those of one owner end when it is closed, which waits
// for them.
package background

import (
	"context"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

// Tasks are the goroutines of one owner. Owners embed them to have their Close.
type Tasks struct {
	// ctx is the life of the owner, which no call has.
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

// New returns tasks of which none runs yet.
func New() *Tasks {
	t := &Tasks{}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// Go runs f, which has to return soon after its context ended. It must not be called after Close.
func (t *Tasks) Go(f func(ctx context.Context)) {
	t.running.Go(func() { f(t.ctx) })
}

// Every runs f once in each interval, for the first time after one.
func (t *Tasks) Every(interval time.Duration, f func(ctx context.Context)) {
	t.Go(func(ctx context.Context) {
		for retry.Sleep(ctx, interval) {
			f(ctx)
		}
	})
}

// Close ends the tasks' context and waits for them. It may be called again, and never fails.
func (t *Tasks) Close() error {
	t.stop()
	t.running.Wait()
	return nil
}
