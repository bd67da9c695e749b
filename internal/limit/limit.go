// Package limit decides how much a caller may do: token buckets, by the generic cell rate
// algorithm (GCRA) of redis_rate, over any number of keys at once, counted in Redis or in this
// process, with a bounded wait for Redis and something to fall back on.
package limit

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-redis/redis_rate/v10"
)

// errStore means that Redis could not decide in time and that the policy refuses then.
var errStore = errors.New("rate limit: redis did not decide in time")

// ID stands for one key of one zone. It is the first half of a SHA-256, so all gateways
// agree on it and Redis holds no user and no address.
type ID [16]byte

// IDOf returns the ID of a zone's key.
func IDOf(zone, key string) ID {
	var space [128]byte
	text := append(append(append(space[:0], zone...), 0), key...)
	sum := sha256.Sum256(text)
	return ID(sum[:len(ID{})])
}

// hashTag puts the keys of all zones into one slot of a Redis Cluster, since one script
// has to reach those of a request together.
const hashTag = "{botgate}"

// Take is what a request asks of one key.
type Take struct {
	// Zone and Key say what is counted; ID is IDOf them.
	Zone, Key string
	ID        ID
	// Limit is the key's allowance. Its rate and burst must be positive.
	Limit redis_rate.Limit
	// Cost is how much the request takes, at least 1. Above the burst it takes all of it.
	Cost int
	// Lease is how much this process takes from Redis at once, to spend it on its own.
	// Up to 1 means no more than Cost.
	Lease int
}

// cost is what can be had at all.
func (t *Take) cost() int { return max(1, min(t.Cost, t.Limit.Burst)) }

// most is what is taken where there is enough.
func (t *Take) most() int { return max(t.cost(), min(t.Lease, t.Limit.Burst)) }

// Result is the state of one key after a decision.
type Result struct {
	// Allowed is false for the keys that refuse.
	Allowed bool
	// Known is false for keys that were not looked at because another one is known to refuse.
	Known bool
	// Remaining is how much could be taken at once.
	Remaining int
	// RetryAfter is when the same request may succeed, for keys that refuse.
	RetryAfter time.Duration
	// ResetAfter is when the allowance is full again.
	ResetAfter time.Duration
	// Delay is how long what was taken on credit has to wait; see [Limiter.Defer].
	Delay time.Duration
}

// Decision is about all keys of a request: it takes from all of them or from none.
type Decision struct {
	// Results are in the order of the takes.
	Results []Result
	// Allowed is true when no key refuses.
	Allowed bool
	// Degraded is true when this process decided alone although Redis should have.
	Degraded bool
}

// Refused returns the index of the key that refuses for the longest time, or -1.
func (d Decision) Refused() int {
	at := -1
	for i, r := range d.Results {
		if r.Known && !r.Allowed && (at < 0 || r.RetryAfter > d.Results[at].RetryAfter) {
			at = i
		}
	}
	return at
}
