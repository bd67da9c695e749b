package botgate

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/redisclient"
)

// acquireRedis takes the client of the configured Redis, if there is one, which other configurations may share.
func (a *App) acquireRedis() error {
	if a.RedisURL == "" {
		return nil
	}
	pipe, err := redisPool.Acquire(a.RedisURL, a.openRedis)
	if err != nil {
		return fmt.Errorf("option redis: %w", err)
	}
	a.redis = pipe
	return nil
}

func (a *App) openRedis() (*redisclient.Pipe, error) {
	client, err := redisclient.Open(a.RedisURL)
	if err != nil {
		return nil, err
	}
	return redisclient.NewPipe(client), nil
}

// Redis returns the shared Redis client, or nil when none is configured.
func (a *App) Redis() redis.UniversalClient { return a.redis.Client() }

// RedisPipe returns what requests share round trips to that Redis by, or nil when none is configured.
func (a *App) RedisPipe() *redisclient.Pipe { return a.redis }
