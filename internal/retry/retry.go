// Package retry has what every loop that tries again is made of: a backoff, a sleep that
// ends with the context, and a wake-up call.
//
// It has no state, unlike the schedules of cenkalti/backoff: here the failures are often
// counted by one goroutine and waited for by another.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is an exponential backoff: the delay doubles with each failure.
type Backoff struct {
	// Min is the delay after the first failure, at least a nanosecond.
	Min time.Duration
	// Max is where the delay stops growing. Default: Min, a constant delay.
	Max time.Duration
	// Jitter is the share of the delay that is random, from 0 (none, the default) to 1
	// ("full jitter"), so that those that failed together don't come back together.
	Jitter float64
}

// Delay returns the time to wait after so many failures in a row. Less than one counts as
// one.
func (b Backoff) Delay(failures int) time.Duration {
	delay, limit := b.Min, max(b.Min, b.Max)
	for n := 1; n < failures && delay < limit; n++ {
		delay = min(2*delay, limit)
	}
	random := time.Duration(float64(delay) * b.Jitter)
	return delay - random + rand.N(random+1) //nolint:gosec // Jitter is no secret.
}

// Until calls try, with a delay after each failure, until it returns true. It returns false
// when the context ended first.
func (b Backoff) Until(ctx context.Context, try func() bool) bool {
	for failures := 1; !try(); failures++ {
		if !Sleep(ctx, b.Delay(failures)) {
			return false
		}
	}
	return true
}

// Sleep waits for d. It returns false when the context ended first. A loop that does
// something again and again reads
//
//	for retry.Sleep(ctx, interval) {
func Sleep(ctx context.Context, d time.Duration) bool {
	Wait(ctx, nil, d)
	return ctx.Err() == nil
}

// Wait waits for the signal, but no longer than d. It returns false when d was over or the
// context ended first.
func Wait(ctx context.Context, signal <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-signal:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	}
}

// Wake is a channel with one slot: signals that nobody received yet are one signal. The
// receiver then looks for everything that there is to do.
type Wake chan struct{}

// NewWake returns a channel without a signal.
func NewWake() Wake { return make(Wake, 1) }

// Signal wakes the receiver, now or when it receives next. It never blocks.
func (w Wake) Signal() {
	select {
	case w <- struct{}{}:
	default:
	}
}
