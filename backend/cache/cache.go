// Package cache is a cache-aside cache in two tiers, memory and Redis, which is invalidated when
// something is written. There is one load of a key at a time, however many readers wait for it.
//
// What is promised, and for how long something stale may be answered, is in
// docs/explanation/cache.md.
package cache

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/breaker"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/tracing"
)

// entryOverhead is what an entry takes in memory besides its key and value, in bytes.
const entryOverhead = 200

// Cache keeps values of one kind. It may be used concurrently, and must be closed.
//
// Readers share values: nobody may change what a Get returned.
type Cache[V any] struct {
	cfg     Config[V]
	started time.Time
	memory  *otter.Cache[string, *entry[V]]
	remote  *remote // nil without Redis
	metrics metrics
	slots   chan struct{} // Holds one value for each load under way.

	unregister func()
	closing    context.Context
	close      context.CancelFunc
	loads      sync.WaitGroup

	// mu makes it one step to take the result of a load into memory, or not because of a
	// write. Reading memory needs no lock.
	mu      sync.Mutex
	closed  bool
	flights map[string]*flight[V]
	recent  recent
}

// Load reads the value of a key. Its context has a bound of its own, and goes on when
// those who asked have left. Of a key that has no value it says [Config.NotFound].
type Load[V any] func(ctx context.Context) (V, error)

// New makes a cache. The error names the option that is wrong.
func New[V any](cfg Config[V]) (*Cache[V], error) {
	cfg.setDefaults()
	err := cfg.check()
	if err == nil && cfg.Metrics == nil {
		cfg.Metrics, err = NewMetrics(nil)
	}
	if err != nil {
		return nil, err
	}
	c := &Cache[V]{
		cfg: cfg, started: time.Now(), metrics: cfg.Metrics.of(cfg.Name), flights: map[string]*flight[V]{},
		slots: make(chan struct{}, cfg.MaxLoads), recent: newRecent(cfg.FreshWindow),
	}
	if c.memory, err = otter.New(&otter.Options[string, *entry[V]]{
		MaximumWeight: cfg.MaxBytes,
		Weigher:       func(key string, e *entry[V]) uint32 { return uint32(len(key) + e.size + entryOverhead) },
		// An entry's own times decide; this gives its memory back.
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, *entry[V]]) time.Duration {
			return max(1, e.Value.expiresAt-c.now())
		}),
	}); err != nil {
		return nil, fmt.Errorf("cache %s: %w", cfg.Name, err)
	}
	if cfg.Redis != nil {
		c.remote = &remote{
			client: cfg.Redis, prefix: cfg.Prefix, budget: cfg.RedisBudget, started: c.started,
			lease: max(cfg.LoadTimeout+cfg.RedisBudget, cfg.FreshWindow), window: cfg.FreshWindow,
			breaker: breaker.New(breaker.Config{
				Logger:   cfg.Logger.With(slog.String("cache", cfg.Name)),
				Effect:   "this process uses only its own cache and the database",
				Degraded: c.metrics.degraded,
				Probe:    redisclient.Probe(cfg.Redis),
			}),
		}
	}
	if c.unregister, err = cfg.Metrics.registerSize(cfg.Name, c.memory.WeightedSize); err != nil {
		return nil, err
	}
	c.closing, c.close = context.WithCancel(context.Background()) //nolint:gosec // Close calls it
	return c, nil
}

// Close ends the loads under way and waits for them. What is not in memory can't be had
// from then on.
func (c *Cache[V]) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.close()
	c.loads.Wait()
	if c.remote != nil {
		c.remote.breaker.Close()
	}
	c.unregister()
	c.memory.StopAllGoroutines()
}

// now is the time since the cache was made.
func (c *Cache[V]) now() time.Duration { return time.Since(c.started) }

// Get returns the value of a key: what is kept, or what load finds. Without one it returns
// [Config.NotFound]. An error of the load goes to all who wait for it and is not kept.
// A caller whose context ends leaves with its error, and the load goes on for the others.
func (c *Cache[V]) Get(ctx context.Context, key string, load Load[V]) (V, error) {
	ctx, span := tracing.Child(ctx, "cache", trace.SpanKindInternal)
	defer span.End()
	if e := c.look(key); e != nil {
		if c.now() < e.staleAt {
			c.metrics.memoryHit.Inc()
			c.describe(span, "hit")
		} else {
			c.metrics.memoryStale.Inc()
			c.describe(span, "stale")
			c.refresh(ctx, key, e, load)
		}
		return c.answer(e)
	}
	c.metrics.memoryMiss.Inc()
	c.describe(span, "miss")
	e, f, err := c.join(ctx, key, load)
	if f != nil {
		e, err = f.wait(ctx)
	}
	if err != nil {
		var zero V
		return zero, err
	}
	return c.answer(e)
}

// describe says in a span what memory had, and not of which key.
func (c *Cache[V]) describe(span trace.Span, result string) {
	if span.IsRecording() {
		span.SetAttributes(attribute.String("botgate.cache.name", c.cfg.Name), attribute.String("botgate.cache.memory", result))
	}
}

// look returns what memory has of a key and may still be answered.
func (c *Cache[V]) look(key string) *entry[V] {
	e, ok := c.memory.GetIfPresent(key)
	if !ok || c.now() >= e.expiresAt {
		return nil
	}
	return e
}

func (c *Cache[V]) answer(e *entry[V]) (V, error) {
	if e.missing {
		return e.value, c.cfg.NotFound
	}
	return e.value, nil
}
