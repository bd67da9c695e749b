package limit

import (
	"math"
	"time"

	"github.com/go-redis/redis_rate/v10"
)

// bucket is a limit in the terms of the generic cell rate algorithm, whose state is one
// number, the theoretical arrival time. All times are in seconds. It computes what the
// scripts of redis_rate compute, in the same order, so that the same numbers come out.
type bucket struct {
	interval float64 // between two requests at the rate
	offset   float64 // that a burst may run ahead of the rate
}

// newBucket makes the bucket of a share of the limit; a burst is at least 1.
func newBucket(l redis_rate.Limit, share float64) bucket {
	interval := l.Period.Seconds() / (float64(l.Rate) * share)
	return bucket{interval: interval, offset: interval * max(1, float64(l.Burst)*share)}
}

// take takes the cost, or nothing. It returns the new arrival time; a refused call leaves
// it as it is.
func (b bucket) take(tat, now, cost float64) (Result, float64) {
	tat = math.Max(tat, now)
	newTAT := tat + b.interval*cost
	diff := now - (newTAT - b.offset)
	remaining := diff / b.interval
	if remaining < 0 {
		return Result{Known: true, RetryAfter: seconds(-diff), ResetAfter: seconds(tat - now)}, tat
	}
	return Result{Known: true, Allowed: true, Remaining: int(remaining), ResetAfter: seconds(newTAT - now)}, newTAT
}

// peek is the state of a key from which nothing is taken, since another key refuses.
func (b bucket) peek(tat, now float64) Result {
	tat = math.Max(tat, now)
	remaining := (now - (tat - b.offset)) / b.interval
	return Result{Known: true, Allowed: true, Remaining: int(math.Max(0, remaining)), ResetAfter: seconds(tat - now)}
}

// deferred takes the cost, on credit where there is not enough, and says how long what was
// taken has to wait until the rate has caught up: at most maxDelay, beyond which the
// debt does not grow.
func (b bucket) deferred(tat, now, cost, maxDelay float64) (Result, float64) {
	tat = math.Max(tat, now)
	newTAT := math.Min(tat+b.interval*cost, math.Max(tat, now+b.offset+maxDelay))
	diff := now - (newTAT - b.offset)
	return Result{
		Known: true, Allowed: true,
		Remaining:  int(math.Max(0, diff/b.interval)),
		ResetAfter: seconds(newTAT - now),
		Delay:      seconds(math.Min(math.Max(0, -diff), maxDelay)),
	}, newTAT
}

// seconds is the duration, or the longest there is: a large burst at a small rate takes
// more than 292 years to come back.
func seconds(s float64) time.Duration {
	if s >= math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(s * float64(time.Second))
}
