package botlimit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// calmFor is how long Redis must answer in time before it counts as well again: a Redis
// on the edge does not fill the log.
const calmFor = 10 * time.Second

// store decides about keys: in Redis when there is one, and in this process when there
// is none or while it does not answer.
type store struct {
	shared *redis_rate.Limiter
	local  *redis_rate.Limiter
	budget time.Duration
	health *health
	logger *slog.Logger
}

// newStore takes a nil client for limits in this process only. The client must honour
// the deadline of a call's context.
func newStore(client redis.UniversalClient, local *local, budget time.Duration, logger *slog.Logger) *store {
	s := &store{local: redis_rate.NewLimiter(local.memory), budget: budget, health: &local.health, logger: logger}
	if client != nil {
		s.shared = redis_rate.NewLimiter(client)
	}
	return s
}

// request is the deciding about one request: its zones share one budget.
type request struct {
	store    *store
	ctx      context.Context
	end      context.CancelFunc
	useRedis bool
}

// begin starts the budget. The request's end must be called.
func (s *store) begin(ctx context.Context) *request {
	r := &request{store: s, ctx: ctx, end: func() {}, useRedis: s.shared != nil}
	if r.useRedis {
		r.ctx, r.end = context.WithTimeout(ctx, s.budget)
	}
	return r
}

// allow counts one request against the key. It reports whether this process decided
// alone although Redis should have. Redis being away is no error.
func (r *request) allow(key string, limit redis_rate.Limit) (result *redis_rate.Result, degraded bool, err error) {
	s := r.store
	if r.useRedis {
		if result, err = s.shared.Allow(r.ctx, key, limit); err == nil {
			s.health.ok(s.logger)
			return result, false, nil
		}
		// The zones that are left do not try again: the budget is for all of them.
		r.useRedis = false
		// That a client left says nothing of Redis.
		if !errors.Is(r.ctx.Err(), context.Canceled) {
			s.health.failed(s.logger, err)
		}
	}
	result, err = s.local.Allow(r.ctx, key, limit)
	return result, s.shared != nil, err
}

// hashKey makes the name under which a key is counted. Keys hold users and addresses,
// which are nobody's business in Redis.
func hashKey(zone, key string) string {
	sum := sha256.Sum256([]byte(zone + "\x00" + key))
	return zone + ":" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

// health tells the operator when Redis stops and starts to answer, once each.
type health struct {
	degraded   atomic.Bool
	lastFailed atomic.Int64
}

func (h *health) failed(logger *slog.Logger, err error) {
	h.lastFailed.Store(time.Now().UnixNano())
	if h.degraded.CompareAndSwap(false, true) {
		degradedState.Set(1)
		logger.Warn("redis does not answer in time, each gateway limits on its own", slog.Any("error", err))
	}
}

func (h *health) ok(logger *slog.Logger) {
	if !h.degraded.Load() || time.Since(time.Unix(0, h.lastFailed.Load())) < calmFor {
		return
	}
	if h.degraded.CompareAndSwap(true, false) {
		degradedState.Set(0)
		logger.Info("redis answers again, limits are shared")
	}
}
