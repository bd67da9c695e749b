package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// The defaults of [Config].
const (
	defaultMaxBytes      = 64 << 20
	defaultMaxValueBytes = 256 << 10
	defaultSoftTTL       = 10 * time.Second
	defaultHardTTL       = time.Minute
	// DefaultNegativeTTL is the default of [Config.NegativeTTL].
	DefaultNegativeTTL = 5 * time.Second
	defaultJitter      = 0.1
	defaultMaxLoads    = 256
	defaultLoadTimeout = 5 * time.Second
	defaultRedisBudget = 50 * time.Millisecond
)

var (
	// errNotFound is the default of [Config.NotFound].
	errNotFound = errors.New("not found")
	// errClosed is what a closed cache answers to what it does not have.
	errClosed = errors.New("the cache is closed")
)

// Config is what a Cache is made of. What is left at zero gets its default.
type Config[V any] struct {
	// Name tells the caches of a process apart in metrics and in the log: a word of the
	// program, never data. Required.
	Name string
	// MaxBytes bounds the tier in memory, by the size of values encoded as JSON and of keys.
	// Decoded values take two to three times that. Default 64 MiB.
	MaxBytes uint64
	// MaxValueBytes is the size of an encoded value above which it is kept in no tier.
	// Default 256 KiB.
	MaxValueBytes int
	// SoftTTL is the age at which a value is still answered, and loaded again meanwhile.
	// Default 10 seconds.
	SoftTTL time.Duration
	// HardTTL is the age at which a value is not answered any more: the bound for when a
	// notice is lost. Default 1 minute.
	HardTTL time.Duration
	// NegativeTTL is the TTL of a negative entry: that a key has no value.
	// Default 5 seconds.
	NegativeTTL time.Duration
	// Jitter is the part of these by which each value's own are shorter at most, from 0 to 1,
	// so that what was loaded together is not due together. Default 0.1; negative for none.
	Jitter float64
	// FreshWindow is how long after an invalidation a key is loaded with [Config.Fresh]:
	// longer than a replica may lag behind. Default 0: loads see every commit anyway.
	FreshWindow time.Duration
	// Fresh makes the context of a load that must see every commit before it; nil for none.
	Fresh func(context.Context) context.Context
	// NotFound is the error, or wrapped in the error, of a load that found nothing. That is
	// kept, too, and answered with NotFound itself. Default [errNotFound].
	NotFound error
	// MaxLoads is how many loads are under way at once at most. Further ones wait, those
	// in the background are left out. Default 256.
	MaxLoads int
	// LoadTimeout bounds each load. Default 5 seconds.
	LoadTimeout time.Duration

	// Redis is the second tier, which all processes share; nil for none. It must honour the
	// deadlines of contexts and is not closed.
	Redis redis.UniversalClient
	// Prefix starts the keys in Redis. It must differ wherever the values do, also in form:
	// count it up when V changes. Required with Redis.
	Prefix string
	// RedisBudget is how long one call may wait for Redis. Default 50 ms.
	RedisBudget time.Duration
	// Metrics counts; nil for not counting. Caches of one process share it.
	Metrics *Metrics
	// Logger gets when Redis stops and starts to answer. Default: discard.
	Logger *slog.Logger
}

// setDefaults fills in what was left at zero.
func (c *Config[V]) setDefaults() {
	c.MaxBytes = cmp.Or(c.MaxBytes, defaultMaxBytes)
	c.MaxValueBytes = cmp.Or(c.MaxValueBytes, defaultMaxValueBytes)
	c.SoftTTL = cmp.Or(c.SoftTTL, defaultSoftTTL)
	c.HardTTL = cmp.Or(c.HardTTL, defaultHardTTL)
	c.NegativeTTL = cmp.Or(c.NegativeTTL, DefaultNegativeTTL)
	c.Jitter = cmp.Or(c.Jitter, defaultJitter)
	c.MaxLoads = cmp.Or(c.MaxLoads, defaultMaxLoads)
	c.LoadTimeout = cmp.Or(c.LoadTimeout, defaultLoadTimeout)
	c.RedisBudget = cmp.Or(c.RedisBudget, defaultRedisBudget)
	c.Jitter = max(0, c.Jitter)
	if c.NotFound == nil {
		c.NotFound = errNotFound
	}
	if c.Fresh == nil {
		c.Fresh = func(ctx context.Context) context.Context { return ctx }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// check says which option is wrong.
func (c *Config[V]) check() error {
	switch {
	case c.Name == "":
		return errors.New("cache: it needs a name")
	case c.SoftTTL > c.HardTTL:
		return fmt.Errorf("cache %s: the soft time to live, %s, must not exceed the hard one, %s", c.Name, c.SoftTTL, c.HardTTL)
	case c.Jitter > 1:
		return fmt.Errorf("cache %s: jitter must not exceed 1", c.Name)
	case min(c.SoftTTL, c.HardTTL, c.NegativeTTL, c.LoadTimeout, c.RedisBudget) < 0, c.FreshWindow < 0, c.MaxLoads < 0, c.MaxValueBytes < 0:
		return fmt.Errorf("cache %s: times and bounds must be positive", c.Name)
	case c.Redis != nil && c.Prefix == "":
		return fmt.Errorf("cache %s: it needs a prefix for its keys in Redis", c.Name)
	}
	return nil
}
