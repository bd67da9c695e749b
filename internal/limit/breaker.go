package limit

import (
	"sync/atomic"
	"time"
)

const (
	// tripAfter is how many calls in a row have to fail until Redis is left alone.
	tripAfter = 5
	// probeEvery is how often one call tries again then.
	probeEvery = 500 * time.Millisecond
)

// breaker keeps requests from waiting for a Redis that does not answer: after some
// failures in a row, only one call now and then tries.
type breaker struct {
	failures atomic.Int32
	// probeAt is when a call may try again, in nanoseconds since started.
	probeAt atomic.Int64
	started time.Time
}

// admits reports whether to ask Redis.
func (b *breaker) admits() bool {
	if b.failures.Load() < tripAfter {
		return true
	}
	at, now := b.probeAt.Load(), int64(time.Since(b.started))
	return now >= at && b.probeAt.CompareAndSwap(at, now+int64(probeEvery))
}

func (b *breaker) succeeded() {
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
}

func (b *breaker) failed() {
	if b.failures.Add(1) == tripAfter {
		b.probeAt.Store(int64(time.Since(b.started) + probeEvery))
	}
}
