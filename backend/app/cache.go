package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/cache"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/redisclient"
)

const (
	// closeShared bounds the end of what is tied to Redis.
	closeShared = 2 * time.Second
	// lagProbe is how much later than its bound a replica's lag may be noticed.
	lagProbe = 2 * time.Second
)

// openRedis makes the client of the cache, the notices and the sessions. It does not dial:
// all of them go on without Redis as far as they can.
func (a *App) openRedis(context.Context) (err error) {
	if a.settings.Data.RedisURL == "" {
		return nil
	}
	if a.redis, err = redisclient.Open(a.settings.Data.RedisURL); err != nil {
		return fmt.Errorf("%s: %w", config.EnvRedisURL, err)
	}
	a.onClose("redis", closeShared, a.redis.Close)
	return nil
}

// openBus opens the way by which parts of this process, and with Redis all processes, are
// notified of what was recorded.
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
	a.onClose("notices", closeShared, noError(bus.Close))
	return nil
}

// cachedReader answers what is asked for most, an event and a user as they are now, from
// the cache; see docs/explanation/cache.md.
type cachedReader struct {
	api.Reader
	events *cache.Cache[*store.Record]
	users  *cache.Cache[*store.User]
}

// Get implements [api.Reader]. A caller who has to see the latest commit is not answered by a cache.
func (c *cachedReader) Get(ctx context.Context, id string) (*store.Record, error) {
	if store.IsFresh(ctx) {
		return c.Reader.Get(ctx, id)
	}
	return c.events.Get(ctx, id, func(ctx context.Context) (*store.Record, error) { return c.Reader.Get(ctx, id) })
}

// User implements [api.Reader]. The past, and a user at one bot only, are asked for rarely.
func (c *cachedReader) User(ctx context.Context, q store.UserQuery) (*store.User, error) {
	if store.IsFresh(ctx) || q != (store.UserQuery{Subject: q.Subject}) {
		return c.Reader.User(ctx, q)
	}
	return c.users.Get(ctx, q.Subject, func(ctx context.Context) (*store.User, error) { return c.Reader.User(ctx, q) })
}

// forget drops what is kept of a user and their events; of all, when the ids are not known.
func (c *cachedReader) forget(ctx context.Context, user string, ids []string) {
	c.users.Invalidate(ctx, user)
	if ids == nil {
		c.events.DropAll()
		return
	}
	c.events.Invalidate(ctx, ids...)
}

// openReader puts the cache in front of the store.
func (a *App) openReader(context.Context) error {
	if !a.settings.Has(config.API) {
		return nil
	}
	a.reader = a.store
	size := a.settings.Data.CacheSize
	if size == 0 {
		return nil
	}
	metrics, err := cache.NewMetrics(a.registry)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	// Events are asked for far more often, and have bodies.
	events, err := newCache[*store.Record](a, metrics, "events", size/4*3, func(n *notify.Notice) string { return n.EventID })
	if err != nil {
		return err
	}
	users, err := newCache[*store.User](a, metrics, "users", size/4, func(n *notify.Notice) string { return n.Subject })
	if err != nil {
		return err
	}
	cached := &cachedReader{Reader: a.store, events: events, users: users}
	a.reader, a.forget = cached, cached.forget
	return nil
}

// newCache makes a cache of the app, from which notices remove what they have the key of.
func newCache[V any](
	a *App, metrics *cache.Metrics, name string, size int64, key func(*notify.Notice) string,
) (*cache.Cache[V], error) {
	ttl := a.settings.Data.CacheTTL
	c, err := cache.New(cache.Config[V]{
		Name: name, MaxBytes: uint64(size), SoftTTL: ttl / 2, HardTTL: ttl, NegativeTTL: min(ttl, cache.DefaultNegativeTTL),
		FreshWindow: a.settings.Data.MaxLag + lagProbe, Fresh: store.Fresh, NotFound: store.ErrNotFound,
		Redis: a.redis, Prefix: "botgate:cache:" + name + ":1:",
		Metrics: metrics, Logger: a.log.With(slog.String("part", "cache")),
	})
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", config.EnvCacheSize, config.EnvCacheTTL, err)
	}
	unsubscribe := a.bus.Subscribe(c.Subscriber(key))
	a.onClose("cache", closeShared, noError(func() { unsubscribe(); c.Close() }))
	return c, nil
}
