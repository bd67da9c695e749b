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
)

// lagProbe is how much later than its bound a replica's lag may be noticed.
const lagProbe = 2 * time.Second

// cachedReader answers what is asked for most, an event and a user as they are now, from
// the cache; see docs/explanation/cache.md.
type cachedReader struct {
	api.Reader
	events *cache.Cache[*store.Record]
	users  *cache.Cache[*store.User]
}

// Get implements [api.Reader]. Who has to see the latest commit is not answered by a cache.
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

// Forget drops what is kept of a user and their events; of all, when the ids are not known.
func (c *cachedReader) Forget(ctx context.Context, user string, ids []string) {
	c.users.Invalidate(ctx, user)
	if ids == nil {
		c.events.DropAll()
		return
	}
	c.events.Invalidate(ctx, ids...)
}

// forget has the cache forget an erased user.
func (a *App) forget(ctx context.Context, user string, ids []string) {
	if c, ok := a.reader.(*cachedReader); ok {
		c.Forget(ctx, user, ids)
	}
}

// openReader puts the cache in front of the store.
func (a *App) openReader(context.Context) error {
	if !a.settings.Has(config.API) {
		return nil
	}
	a.reader = a.store
	if a.settings.Data.CacheSize == 0 {
		return nil
	}
	metrics, err := cache.NewMetrics(a.registry)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	// Events are asked for far more often, and have bodies.
	events, err := newCache[*store.Record](a, metrics, "events", a.settings.Data.CacheSize/4*3)
	if err != nil {
		return err
	}
	users, err := newCache[*store.User](a, metrics, "users", a.settings.Data.CacheSize/4)
	if err != nil {
		return err
	}
	a.reader = &cachedReader{Reader: a.store, events: events, users: users}
	return nil
}

// newCache makes a cache of the app, and has it forget what is recorded anew.
func newCache[V any](a *App, metrics *cache.Metrics, name string, size int64) (*cache.Cache[V], error) {
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
	keys := func(keys []string, n *notify.Notice) []string { return append(keys, n.EventID) }
	if name == "users" {
		keys = func(keys []string, n *notify.Notice) []string { return append(keys, n.Subject) }
	}
	unsubscribe := a.bus.Subscribe(cache.Follower{Cache: c, Keys: keys})
	a.onStop(step{"cache", closeShared, func(ctx context.Context) error {
		return within(ctx, func() error { unsubscribe(); c.Close(); return nil })
	}})
	return c, nil
}
