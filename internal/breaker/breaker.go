// Package breaker keeps callers from waiting for a server that does not answer: it bounds
// each call, leaves the server alone after some failures in a row, and tells when that
// starts and ends.
package breaker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

const (
	// TripAfter is how many calls in a row have to fail until the server is left alone.
	TripAfter = 5
	// ProbeEvery is how often one call tries again then.
	ProbeEvery = 500 * time.Millisecond
	// calmFor is how long the server must answer in time before it counts as well again: one
	// on the edge does not fill the log.
	calmFor = 10 * time.Second
)

// ErrResting is why the server is not asked after it failed several times in a row.
var ErrResting = errors.New("it failed several times and is left alone for a moment")

// Breaker is one for all calls to one server. It may be used concurrently.
type Breaker struct {
	onChange func(err error)
	started  time.Time
	failures atomic.Int32
	// probeAt is when a call may try again, lastFailed when the last one failed, both in
	// nanoseconds since started.
	probeAt, lastFailed atomic.Int64
	degraded            atomic.Bool
}

// New makes a breaker. It tells onChange an error when the server stops to answer in time,
// and nil when it has been answering again for [calmFor], once each.
func New(onChange func(err error)) *Breaker {
	return &Breaker{onChange: onChange, started: time.Now()}
}

// Call runs f within the budget, unless the server is left alone, which is [ErrResting].
// That a caller left says nothing of the server.
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

// Degraded reports whether the last change told of was an error.
func (b *Breaker) Degraded() bool { return b.degraded.Load() }

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
	if !b.degraded.Load() || b.now()-b.lastFailed.Load() < int64(calmFor) {
		return
	}
	if b.degraded.CompareAndSwap(true, false) {
		b.onChange(nil)
	}
}

func (b *Breaker) failed(err error) {
	b.lastFailed.Store(b.now())
	if b.failures.Add(1) == TripAfter {
		b.probeAt.Store(b.now() + int64(ProbeEvery))
	}
	if b.degraded.CompareAndSwap(false, true) {
		b.onChange(err)
	}
}
