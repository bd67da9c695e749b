package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/redisclient"
)

// closeShared bounds the end of what is tied to Redis.
const closeShared = 2 * time.Second

// openRedis makes the client of the cache, the notices and the sessions. It does not dial:
// all of them go on without Redis as far as they can.
func (a *App) openRedis(context.Context) (err error) {
	if a.settings.Data.RedisURL == "" {
		return nil
	}
	if a.redis, err = redisclient.Open(a.settings.Data.RedisURL); err != nil {
		return fmt.Errorf("%s: %w", config.EnvRedisURL, err)
	}
	a.onStop(step{"redis", closeShared, func(ctx context.Context) error { return within(ctx, a.redis.Close) }})
	return nil
}

// openBus opens the way by which parts of this process, and with Redis all processes, hear
// of what was recorded.
func (a *App) openBus(ctx context.Context) error {
	var (
		bus interface {
			notify.Bus
			Close()
		}
		err error
	)
	if a.redis == nil {
		bus, err = notify.NewLocal(a.registry)
	} else {
		bus, err = notify.NewRedis(ctx, notify.RedisConfig{
			Client: a.redis, Logger: a.log.With(slog.String("part", "notices")), Registerer: a.registry,
		})
	}
	if err != nil {
		return fmt.Errorf("notices: %w", err)
	}
	a.bus = bus
	a.onStop(step{"notices", closeShared, func(ctx context.Context) error {
		return within(ctx, func() error { bus.Close(); return nil })
	}})
	return nil
}

// announce tells of what was recorded.
func (a *App) announce(recorded []store.Entry) {
	notices := make([]notify.Notice, len(recorded))
	for i, e := range recorded {
		notices[i] = notify.Of(e)
	}
	// Bounded by itself: recording must not wait for subscribers.
	a.bus.Publish(context.Background(), notices)
}
