package cache

import (
	"context"
	"slices"

	"github.com/botgate/botgate/backend/notify"
)

// chunk is how many keys are dropped in one step.
const chunk = 256

// Invalidate forgets keys, in memory and in Redis, before it returns. A load that began
// before is not kept in either. Where Redis can't be reached, this cache takes nothing
// from it that was loaded before.
func (c *Cache[V]) Invalidate(ctx context.Context, keys ...string) {
	for part := range slices.Chunk(keys, chunk) {
		c.invalidate(part)
		if c.remote == nil {
			continue
		}
		if err := c.remote.invalidate(ctx, part); err != nil {
			c.metrics.redisFailed.Inc()
			c.remote.distrust()
		}
		// Until then Redis had what a load could take.
		c.invalidate(part)
	}
	c.metrics.invalidatedKeys.Add(float64(len(keys)))
}

func (c *Cache[V]) invalidate(keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for _, key := range keys {
		c.discard(key, c.flights[key])
		c.memory.Invalidate(key)
		c.recent.add(key, now)
	}
}

// discard lets nobody else wait for a flight, nor its result be kept.
func (c *Cache[V]) discard(key string, f *flight[V]) {
	if f != nil {
		f.invalidated = true
		delete(c.flights, key)
		c.metrics.discarded.Inc()
	}
}

// DropAll forgets everything: what was written may have been missed. From Redis the cache
// takes only what is loaded from now on.
func (c *Cache[V]) DropAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, f := range c.flights {
		c.discard(key, f)
	}
	if c.remote != nil {
		c.remote.distrust()
	}
	c.memory.InvalidateAll()
	c.recent.addAll(c.now())
	c.metrics.invalidatedAll.Inc()
}

// Subscriber invalidates the keys of what notices say was recorded; all of them when notices were lost.
func (c *Cache[V]) Subscriber(key func(*notify.Notice) string) notify.Subscriber {
	return subscriber[V]{c, key}
}

type subscriber[V any] struct {
	cache *Cache[V]
	key   func(*notify.Notice) string
}

// Notices implements [notify.Subscriber].
func (s subscriber[V]) Notices(notices []notify.Notice) {
	keys := make([]string, len(notices))
	for i := range notices {
		keys[i] = s.key(&notices[i])
	}
	slices.Sort(keys)
	s.cache.Invalidate(context.Background(), slices.Compact(keys)...)
}

// Lost implements [notify.Subscriber].
func (s subscriber[V]) Lost() { s.cache.DropAll() }
