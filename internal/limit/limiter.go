package limit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/breaker"
	"github.com/botgate/botgate/internal/retry"
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

// Config is what a Limiter is made of.
type Config struct {
	// Client is the Redis that counts for all processes; nil counts in this process. It
	// must honour the deadlines of contexts. It is not closed.
	Client redis.UniversalClient
	// MaxKeys bounds the keys that are remembered in this process, in each of its tables.
	// With more, those that are nearest to a full allowance are forgotten. Required.
	MaxKeys int
	// Logger hears when Redis stops and starts to answer. Required.
	Logger *slog.Logger
	// OnDegraded is called with true when Redis stops to answer, with false when it answers again. Required.
	OnDegraded func(degraded bool)
}

// tell lets the operator know that Redis stopped to answer, or answers again.
func (c *Config) tell(err error) {
	c.OnDegraded(err != nil)
	if err != nil {
		c.Logger.Warn("redis does not answer in time, on_store_error decides about rate limits", slog.Any("error", err))
		return
	}
	c.Logger.Info("redis answers again, rate limits are shared")
}

// Limiter decides. It may be used concurrently, and must be closed.
type Limiter struct {
	clock
	local     *local
	shared    *shared
	denyCache denyCache
	leases    leases
	inFlight  inFlight
	topKeys   topKeys
	breaker   *breaker.Breaker
	resets    resets

	stop    context.CancelFunc
	workers sync.WaitGroup
}

// sweepEvery is how often what lapsed is forgotten.
const sweepEvery = 10 * time.Second

// New starts a limiter.
func New(c Config) *Limiter {
	l := &Limiter{clock: newClock(), local: newLocal(c.MaxKeys), inFlight: newInFlight(c.MaxKeys)}
	l.denyCache = denyCache{newKeyed[denied](c.MaxKeys)}
	l.leases.clock, l.leases.held = l.clock, newKeyed[lease](c.MaxKeys)
	l.breaker = breaker.New(c.tell)
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.workers.Go(func() { l.sweepUntil(ctx) })
	if c.Client != nil {
		l.shared = newShared(c.Client)
		l.resets = resets{client: c.Client, forget: l.forget, forgetAll: l.denyCache.known.clear}
		l.workers.Go(func() { l.resets.follow(ctx) })
	}
	return l
}

// Close ends what runs in the background and waits for it.
func (l *Limiter) Close() {
	l.stop()
	if l.shared != nil {
		l.shared.close()
	}
	l.workers.Wait()
}

func (l *Limiter) sweepUntil(ctx context.Context) {
	for retry.Sleep(ctx, sweepEvery) {
		l.local.arrivals.sweep(l.local.now())
		l.denyCache.known.sweep(l.now())
		l.leases.held.sweep(l.now())
	}
}

// Take takes from all keys or from none; the keys must differ. The error is [errStore],
// where the policy says so.
func (l *Limiter) Take(ctx context.Context, p Policy, takes []Take) (Decision, error) {
	d := Decision{Results: make([]Result, len(takes))}
	now := l.now()
	var err error
	if l.shared == nil {
		d.Allowed = l.local.take(takes, 1, d.Results)
	} else if d.Allowed, d.Degraded, err = l.takeShared(ctx, p, takes, d.Results, now); !d.Allowed && !d.Degraded && leased(takes) {
		d.Allowed, d.Degraded, err = l.takeLate(ctx, p, takes, d, now)
	}
	if !d.Allowed && err == nil {
		l.topKeys.note(&takes[d.Refused()], now)
	}
	return d, err
}

// takeLate tries once more, in what is left of the budget since asked, where leases have
// come that cover what Redis refused.
func (l *Limiter) takeLate(ctx context.Context, p Policy, takes []Take, d Decision, asked float64) (allowed, degraded bool, err error) {
	left := p.Budget - seconds(l.now()-asked)
	bounded, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	if !l.leases.coverRefused(bounded, takes, d.Results) || bounded.Err() != nil {
		return d.Allowed, d.Degraded, nil
	}
	now := l.now()
	p.Budget -= seconds(now - asked)
	clear(d.Results)
	return l.takeShared(ctx, p, takes, d.Results, now)
}

// takeShared spends what this process has in leases, and asks Redis for the rest.
func (l *Limiter) takeShared(ctx context.Context, p Policy, takes []Take, results []Result, now float64) (allowed, degraded bool, err error) {
	ask, places := l.leases.spendAll(takes, results)
	if len(ask) == 0 {
		return true, false, nil
	}
	if len(ask) == len(takes) {
		return l.ask(ctx, p, takes, results, now)
	}
	answers := make([]Result, len(ask))
	allowed, degraded, err = l.ask(ctx, p, ask, answers, now)
	for i, place := range places {
		if place < 0 {
			if !allowed {
				l.leases.giveBack(&takes[i], now+results[i].ResetAfter.Seconds())
				results[i].Remaining += takes[i].cost()
			}
			continue
		}
		results[i] = answers[place]
	}
	return allowed, degraded, err
}

// ask lets Redis decide, unless it is known to refuse, or the policy where Redis does not.
// Now is no later than the call.
func (l *Limiter) ask(ctx context.Context, p Policy, takes []Take, results []Result, now float64) (allowed, degraded bool, err error) {
	if l.denyCache.refuse(takes, results, now) {
		return false, false, nil
	}
	l.leases.fetches.begin(takes)
	defer l.leases.fetches.end(takes)
	taken := make([]int, len(takes))
	err = l.breaker.Call(ctx, p.Budget, func(ctx context.Context) error { return l.shared.take(ctx, takes, results, taken) })
	if err != nil {
		allowed, err = l.fallBack(p, takes, results)
		return allowed, true, err
	}
	allowed = true
	for i := range takes {
		allowed = allowed && results[i].Allowed
		if extra := taken[i] - takes[i].cost(); extra > 0 {
			l.leases.add(&takes[i], extra, now+results[i].ResetAfter.Seconds(), results[i].Remaining)
			results[i].Remaining += extra
		}
	}
	if !allowed {
		l.denyCache.note(takes, results, now)
	}
	return allowed, false, nil
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
	} else if err := l.breaker.Call(ctx, p.Budget, func(ctx context.Context) error {
		return l.shared.deferred(ctx, takes, maxDelay, d.Results)
	}); err != nil {
		d.Degraded = true
		if p.OnError != Allow {
			l.local.deferred(takes, p.Share, maxDelay, d.Results)
		}
	}
	for i, r := range d.Results {
		if r.Delay > 0 {
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
	if err := l.shared.reset(ctx, zone, id); err != nil {
		return err
	}
	return l.resets.announce(ctx, id)
}

// forget drops what this process knows of a key.
func (l *Limiter) forget(id ID) {
	l.local.arrivals.remove(id)
	l.denyCache.known.remove(id)
	l.leases.held.remove(id)
}

// TopKeys lists the keys that were refused or put off most in the last minutes, at
// most n, as far as this process saw.
func (l *Limiter) TopKeys(n int) []TopKey { return l.topKeys.top(n, l.now()) }
