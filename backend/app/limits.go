package app

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/internal/limit"
)

// apiLimits reach the gateways: the one in this process, or all of them through Redis; nil where nothing does.
func (a *App) apiLimits() api.Limits {
	if a.limits != nil || a.redis == nil {
		return a.limits
	}
	return redisLimits{a.redis}
}

// redisLimits are the limits of all gateways that share a Redis.
type redisLimits struct{ client redis.UniversalClient }

// ResetLimit implements [api.Limits].
func (l redisLimits) ResetLimit(ctx context.Context, zone, key string) error {
	return limit.Reset(ctx, l.client, zone, key)
}

// SpentLimits implements [api.Limits].
func (l redisLimits) SpentLimits(ctx context.Context, key string, zones ...string) ([]time.Duration, error) {
	return limit.Spent(ctx, l.client, key, zones...)
}
