package limit

import (
	"context"
	"time"

	"github.com/botgate/botgate/internal/breaker"
	"github.com/botgate/botgate/internal/sharedstate"
)

// OnError says what decides while Redis does not.
type OnError string

// The policies.
const (
	// Local counts in this process, with a share of each limit.
	Local OnError = "local"
	// Allow lets everything pass.
	Allow OnError = "allow"
	// Deny refuses everything, with [errStore].
	Deny OnError = "deny"
)

// Policy says how long Redis may take, and what decides without it.
type Policy struct {
	// Budget is how long a call may wait for Redis. It must be positive.
	Budget time.Duration
	// OnError decides while Redis does not answer within the budget.
	OnError OnError
	// Share is the part of each limit that this process allows on its own then: above 0
	// and up to 1.
	Share float64
}

// Limiter decides. It may be used concurrently, and must be closed.
type Limiter struct {
	sharedstate.Base
	clock
	local     *local
	shared    *shared
	denyCache denyCache
	leases    leases
	inFlight  inFlight
	topKeys   topKeys
	resets    resets
}

// sweepEvery is how often what lapsed is forgotten.
const sweepEvery = 10 * time.Second

// New starts a limiter.
func New(c sharedstate.Config) *Limiter {
	clock := newClock()
	l := &Limiter{
		Base: sharedstate.New(c, "on_store_error decides about rate limits"), clock: clock,
		local: newLocal(clock, c.MaxKeys), denyCache: denyCache{newArrivals(c.MaxKeys)},
		leases: newLeases(clock, c.MaxKeys), inFlight: newInFlight(c.MaxKeys),
	}
	l.Every(sweepEvery, func(context.Context) { l.sweep() })
	if c.Redis != nil {
		l.shared = newShared(c.Redis)
		l.resets = resets{client: c.Redis.Client(), forget: l.forget, forgetAll: l.denyCache.known.Clear}
		l.Go(l.resets.follow)
	}
	return l
}

func (l *Limiter) sweep() {
	now := seconds(l.now())
	l.local.arrivals.Sweep(now)
	l.denyCache.known.Sweep(now)
	l.leases.held.Sweep(now)
}

// Take takes from all keys or from none; the keys must differ. The error is [errStore],
// where the policy says so. Along may be nil; it is not called for what this process decides by itself.
func (l *Limiter) Take(ctx context.Context, p Policy, takes []Take, along Along) (Decision, error) {
	d := Decision{Results: make([]Result, len(takes))}
	now := l.now()
	var err error
	if l.shared == nil {
		d.Allowed = l.local.take(takes, 1, d.Results)
	} else {
		d.Allowed, d.Degraded, err = l.takeShared(ctx, call{p, takes, d.Results, now, along})
		if !d.Allowed && !d.Degraded && leased(takes) {
			d.Allowed, d.Degraded, err = l.takeLate(ctx, p, takes, d, now)
		}
	}
	if !d.Allowed && err == nil {
		l.topKeys.note(&takes[d.Refused()], now)
	}
	return d, err
}

// takeLate tries once more, in what is left of the budget since asked, where leases have
// come that cover what Redis refused.
func (l *Limiter) takeLate(
	ctx context.Context, p Policy, takes []Take, d Decision, asked float64,
) (allowed, degraded bool, err error) {
	left := p.Budget - seconds(l.now()-asked)
	bounded, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	if !l.leases.coverRefused(bounded, takes, d.Results) || bounded.Err() != nil {
		return d.Allowed, d.Degraded, nil
	}
	now := l.now()
	p.Budget -= seconds(now - asked)
	clear(d.Results)
	return l.takeShared(ctx, call{p, takes, d.Results, now, nil})
}

// call is what Redis is asked for.
type call struct {
	policy  Policy
	takes   []Take
	results []Result
	// asked is when; no later than the call.
	asked float64
	along Along
}

// takeShared spends what this process has in leases, and asks Redis for the rest.
func (l *Limiter) takeShared(ctx context.Context, c call) (allowed, degraded bool, err error) {
	takes, results := c.takes, c.results
	ask, places := l.leases.spendAll(takes, results)
	if len(ask) == 0 {
		return true, false, nil
	}
	if len(ask) == len(takes) {
		return l.ask(ctx, c)
	}
	answers := make([]Result, len(ask))
	c.takes, c.results = ask, answers
	allowed, degraded, err = l.ask(ctx, c)
	for i, place := range places {
		if place < 0 {
			if !allowed {
				l.leases.giveBack(&takes[i], c.asked+results[i].ResetAfter.Seconds())
				results[i].Remaining += takes[i].cost()
			}
			continue
		}
		results[i] = answers[place]
	}
	return allowed, degraded, err
}

// ask lets Redis decide, unless it is known to refuse, or the policy where Redis does not.
func (l *Limiter) ask(ctx context.Context, c call) (allowed, degraded bool, err error) {
	takes, results := c.takes, c.results
	if l.denyCache.refuse(takes, results, c.asked) {
		return false, false, nil
	}
	if leased(takes) {
		l.leases.fetches.begin(takes)
		defer l.leases.fetches.end(takes)
	}
	var space [4]int
	taken := append(space[:0], make([]int, len(takes))...)
	if err = l.callShared(ctx, ask{c.policy.Budget, refuse, c.along}, takes, results, taken); err != nil {
		allowed, err = l.fallBack(c.policy, takes, results)
		return allowed, true, err
	}
	allowed = true
	for i := range takes {
		allowed = allowed && results[i].Allowed
		if extra := taken[i] - takes[i].cost(); extra > 0 {
			l.leases.add(&takes[i], extra, c.asked+results[i].ResetAfter.Seconds(), results[i].Remaining)
			results[i].Remaining += extra
		}
	}
	if !allowed {
		l.denyCache.note(takes, results, c.asked)
	}
	return allowed, false, nil
}

// callShared makes the round trip, unless the breaker is open.
func (l *Limiter) callShared(ctx context.Context, a ask, takes []Take, results []Result, taken []int) error {
	if !l.Breaker.Admits() {
		return breaker.ErrOpen
	}
	err := l.shared.take(ctx, a, takes, results, taken)
	l.Breaker.Report(ctx, err)
	return err
}

func (l *Limiter) fallBack(p Policy, takes []Take, results []Result) (allowed bool, err error) {
	switch p.OnError {
	case Allow:
		for i := range results {
			results[i] = Result{Allowed: true}
		}
		return true, nil
	case Deny:
		return false, errStore
	default:
		return l.local.take(takes, p.Share, results), nil
	}
}

// Defer takes from all keys, on credit where there is not enough, and never refuses. Each
// result says how long what was taken has to wait until the rate has caught up, at most
// maxDelay; a debt does not grow beyond that. Keys may repeat.
func (l *Limiter) Defer(ctx context.Context, p Policy, takes []Take, maxDelay time.Duration) Decision {
	d := Decision{Results: make([]Result, len(takes)), Allowed: true}
	if l.shared == nil {
		l.local.deferred(takes, 1, maxDelay, d.Results)
	} else if l.callShared(ctx, ask{p.Budget, maxDelay.Seconds(), nil}, takes, d.Results, make([]int, len(takes))) != nil {
		d.Degraded = true
		if p.OnError != Allow {
			l.local.deferred(takes, p.Share, maxDelay, d.Results)
		}
	}
	for i := range takes {
		if d.Results[i].Delay > 0 {
			l.topKeys.note(&takes[i], l.now())
		}
	}
	return d
}

// Reset gives a key of a zone its full allowance back, in all processes that share the
// Redis, and in this one also when Redis can't be told.
func (l *Limiter) Reset(ctx context.Context, zone, key string) error {
	id := IDOf(zone, key)
	l.forget(id)
	l.topKeys.forget(zone, key)
	if l.shared == nil {
		return nil
	}
	return Reset(ctx, l.resets.client, zone, key)
}

// forget drops what this process knows of a key.
func (l *Limiter) forget(id ID) {
	l.local.arrivals.Delete(id)
	l.denyCache.known.Delete(id)
	l.leases.held.Delete(id)
}

// TopKeys lists the keys that were refused or put off most in the last minutes, at
// most n, as far as this process saw.
func (l *Limiter) TopKeys(n int) []TopKey { return l.topKeys.top(n, l.now()) }
