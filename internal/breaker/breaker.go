// Package breaker keeps callers from waiting for a Redis that does not answer: it bounds
// each call, leaves Redis alone after some failures in a row, and tells the operator when that
// starts and ends.
package breaker

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// TripAfter is how many calls in a row have to fail until Redis is left alone.
	TripAfter = 5
	// ProbeEvery is how often one call tries again then.
	ProbeEvery = 500 * time.Millisecond
	// calmFor is how long Redis must answer in time before it counts as available again: one
	// on the edge does not fill the log.
	calmFor = 10 * time.Second
)

// ErrResting is why Redis is not asked after it failed several times in a row.
var ErrResting = errors.New("it failed several times and is left alone for a moment")

// Config is what a breaker tells, and whom.
type Config struct {
	// Logger hears when Redis stops to answer in time and when it has been answering again for
	// 10 seconds, once each. Required.
	Logger *slog.Logger
	// Effect says for the log what that means until then, such as "rate limits are local".
	Effect string
	// Degraded counts the breakers whose Redis does not answer; nil for none.
	Degraded prometheus.Gauge
}

// Breaker is one for all calls of one purpose to one Redis. It may be used concurrently.
type Breaker struct {
	config   Config
	started  time.Time
	failures atomic.Int32
	// probeAt is when a call may try again, lastFailed when the last one failed, both in
	// nanoseconds since started.
	probeAt, lastFailed atomic.Int64
	degraded            atomic.Bool
}

// New makes a breaker.
func New(c Config) *Breaker { return &Breaker{config: c, started: time.Now()} }

// Call runs f within the budget, unless Redis is left alone, which is [ErrResting].
// That a caller left says nothing of Redis.
func (b *Breaker) Call(ctx context.Context, budget time.Duration, f func(context.Context) error) error {
	if !b.admits() {
		return ErrResting
	}
	bounded, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	err := f(bounded)
	switch {
	case err == nil:
		b.succeeded()
	case errors.Is(ctx.Err(), context.Canceled):
	default:
		b.failed(err)
	}
	return err
}

// Forget takes the breaker out of what Degraded counts, for when nothing is called any more.
func (b *Breaker) Forget() { b.turn(false) }

func (b *Breaker) now() int64 { return int64(time.Since(b.started)) }

func (b *Breaker) admits() bool {
	if b.failures.Load() < TripAfter {
		return true
	}
	at, now := b.probeAt.Load(), b.now()
	return now >= at && b.probeAt.CompareAndSwap(at, now+int64(ProbeEvery))
}

func (b *Breaker) succeeded() {
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
	if b.degraded.Load() && b.now()-b.lastFailed.Load() >= int64(calmFor) && b.turn(false) {
		b.config.Logger.Info("redis answers again", slog.String("ended", b.config.Effect))
	}
}

func (b *Breaker) failed(err error) {
	b.lastFailed.Store(b.now())
	if b.failures.Add(1) == TripAfter {
		b.probeAt.Store(b.now() + int64(ProbeEvery))
	}
	if b.turn(true) {
		b.config.Logger.Warn("redis does not answer in time", slog.String("effect", b.config.Effect), slog.Any("error", err))
	}
}

// turn notes whether Redis is degraded and reports whether that is new.
func (b *Breaker) turn(degraded bool) bool {
	if !b.degraded.CompareAndSwap(!degraded, degraded) {
		return false
	}
	if b.config.Degraded != nil && degraded {
		b.config.Degraded.Inc()
	} else if b.config.Degraded != nil {
		b.config.Degraded.Dec()
	}
	return true
}
