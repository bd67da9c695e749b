package idempotency

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// tripAfter is how many calls in a row have to fail until Redis is left alone.
	tripAfter = 5
	// probeEvery is how often one call tries again then.
	probeEvery = 500 * time.Millisecond
	// calmFor is how long Redis must answer in time before it counts as well again: a Redis
	// on the edge does not fill the log.
	calmFor = 10 * time.Second
)

// errResting is why Redis is not asked after it failed several times in a row.
var errResting = errors.New("idempotency: redis failed several times and is left alone for a moment")

// guard bounds the wait for Redis, keeps requests from waiting for one that does not
// answer, and tells the operator when that starts and ends, once each.
type guard struct {
	logger     *slog.Logger
	onDegraded func(bool)
	started    time.Time
	failures   atomic.Int32
	// probeAt is when a call may try again, lastFailed when the last one failed, both since
	// started.
	probeAt, lastFailed atomic.Int64
	degraded            atomic.Bool
}

// call runs f within the budget, unless Redis is left alone.
func (g *guard) call(ctx context.Context, budget time.Duration, f func(context.Context) error) error {
	if !g.admits() {
		return errResting
	}
	bounded, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	err := f(bounded)
	switch {
	case err == nil:
		g.succeeded()
	case errors.Is(ctx.Err(), context.Canceled):
		// That a client left says nothing of Redis.
	default:
		g.failed(err)
	}
	return err
}

func (g *guard) now() int64 { return int64(time.Since(g.started)) }

func (g *guard) admits() bool {
	if g.failures.Load() < tripAfter {
		return true
	}
	at, now := g.probeAt.Load(), g.now()
	return now >= at && g.probeAt.CompareAndSwap(at, now+int64(probeEvery))
}

func (g *guard) succeeded() {
	if g.failures.Load() != 0 {
		g.failures.Store(0)
	}
	if !g.degraded.Load() || g.now()-g.lastFailed.Load() < int64(calmFor) {
		return
	}
	if g.degraded.CompareAndSwap(true, false) {
		g.onDegraded(false)
		g.logger.Info("redis answers again, gateways share what was asked under idempotency keys")
	}
}

func (g *guard) failed(err error) {
	g.lastFailed.Store(g.now())
	if g.failures.Add(1) == tripAfter {
		g.probeAt.Store(g.now() + int64(probeEvery))
	}
	if g.degraded.CompareAndSwap(false, true) {
		g.onDegraded(true)
		g.logger.Warn("redis does not answer in time, each gateway knows only its own idempotency keys", slog.Any("error", err))
	}
}
