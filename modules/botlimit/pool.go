package botlimit

import (
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/internal/sharedstate"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// maxKeys bounds the memory of the limits in this process to some 50 MB.
const maxKeys = 500_000

// limiters has one for each Redis, and one for this process alone, whose key is nil.
var limiters = pooled.New[redis.UniversalClient, *limit.Limiter]()

// acquire returns the limiter over a client, or in this process for nil, and the function
// that gives it back.
func acquire(client redis.UniversalClient, logger *slog.Logger) (*limit.Limiter, func() error, error) {
	limiter, err := limiters.Acquire(client, func() (*limit.Limiter, error) {
		return limit.New(sharedstate.Config{Client: client, MaxKeys: maxKeys, Logger: logger, Degraded: degradedState}), nil
	})
	return limiter, func() error { return limiters.Release(client) }, err
}
