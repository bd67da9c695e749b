package cache

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/breaker"
)

//go:embed begin.lua
var beginSource string

//go:embed store.lua
var storeSource string

var (
	beginScript = redis.NewScript(beginSource)
	storeScript = redis.NewScript(storeSource)
)

const (
	// anyAge is an age that no value reaches.
	anyAge = 1000 * 24 * time.Hour
	// rounding is more than what is lost in milliseconds.
	rounding = 5 * time.Millisecond
)

var errAnswer = errors.New("unexpected answer of the script")

// remote is the tier in Redis.
//
// A miss there gets a lease, and its load stores what it read only while it has that. An
// invalidation removes the lease with the value. So what was read before an invalidation
// can't be stored after it, however late it comes, and no clocks are compared.
type remote struct {
	client redis.UniversalClient
	prefix string
	budget time.Duration
	// lease is the TTL of leases, longer than a load may take. window is for how long after an
	// invalidation the loads of a key are fresh.
	lease, window time.Duration
	breaker       *breaker.Breaker
	started       time.Time

	mu sync.Mutex
	// trusted is since when loads may have led to what is taken from Redis; 0 for any.
	trusted time.Duration
}

// lease is the right of a load to store its value in Redis.
type lease struct {
	token string
	// granted means that nobody else has one.
	granted bool
	// fresh means that the key was invalidated not long ago, somewhere.
	fresh bool
}

// need is what a value in Redis must be to be of use.
type need struct {
	// fresh means read fresh, notStale not due for another load.
	fresh, notStale bool
}

// names are those of the value and of the lease, in one slot of a cluster. Keys may be
// users' ids and of any length, so Redis gets a hash.
func (r *remote) names(key string) (value, lease string) {
	sum := sha256.Sum256([]byte(key))
	value = r.prefix + "{" + base64.RawURLEncoding.EncodeToString(sum[:]) + "}"
	return value, value + ":lease"
}

// distrust makes values in Redis that were loaded until now count as missing.
func (r *remote) distrust() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trusted = time.Since(r.started)
}

// oldest is the age up to which values may be taken, of those that were read fresh and of others.
func (r *remote) oldest() (fresh, any time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trusted == 0 {
		return anyAge, anyAge
	}
	fresh = time.Since(r.started) - r.trusted - rounding
	return fresh, fresh - r.window
}

// begin returns what Redis has of a key, with its age, or else what the load may do.
func (r *remote) begin(ctx context.Context, key string, n need) (found *record, age time.Duration, l lease, err error) {
	value, name := r.names(key)
	l.token = strconv.FormatUint(rand.Uint64(), 36)
	fresh, other := r.oldest()
	if n.fresh {
		other = -1
	}
	var answer []any
	err = r.breaker.Call(ctx, r.budget, func(ctx context.Context) (err error) {
		answer, err = beginScript.Run(ctx, r.client, []string{value, name}, l.token, r.lease.Milliseconds(),
			fresh.Milliseconds(), other.Milliseconds(), flag(n.notStale)).Slice()
		return err
	})
	if err != nil {
		return nil, 0, lease{}, err
	}
	if len(answer) != 2 {
		return nil, 0, lease{}, errAnswer
	}
	second, ok := answer[1].(int64)
	switch first := answer[0].(type) {
	case string:
		if found, err = parse(first); err != nil {
			return nil, 0, lease{}, err
		}
		age = found.hard - time.Duration(second)*time.Millisecond
	case int64:
		l.granted, l.fresh = first == 1, second == 1
	default:
		ok = false
	}
	if !ok {
		return nil, 0, lease{}, errAnswer
	}
	return found, age, l, nil
}

// store leaves a record in Redis, if its lease still stands.
func (r *remote) store(ctx context.Context, key string, l lease, found *record) error {
	value, name := r.names(key)
	return r.breaker.Call(ctx, r.budget, func(ctx context.Context) error {
		return storeScript.Run(ctx, r.client, []string{value, name},
			l.token, r.lease.Milliseconds(), found.text(), found.hard.Milliseconds()).Err()
	})
}

// invalidate drops keys, with the leases of their loads, in one round trip. For a while
// everybody's loads of them are fresh.
func (r *remote) invalidate(ctx context.Context, keys []string) error {
	return r.breaker.Call(ctx, r.budget, func(ctx context.Context) error {
		_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, key := range keys {
				value, name := r.names(key)
				// The lease first: nothing may come between that is kept.
				if r.window > 0 {
					p.Set(ctx, name, "fresh", r.window)
				} else {
					p.Unlink(ctx, name)
				}
				p.Unlink(ctx, value)
			}
			return nil
		})
		return err
	})
}
