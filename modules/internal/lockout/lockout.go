// Package lockout refuses, for a time and before any cryptography, those who failed too
// often. What they failed at is counted in Redis for all gateways, or in this process.
package lockout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/breaker"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/modules/internal/option"
)

const (
	// budget is what a failed request waits for Redis at most.
	budget = 20 * time.Millisecond
	// pollInterval is how soon a lock that another gateway made works here.
	pollInterval = time.Second
	// maxLockedKeys bounds the table of those who are locked out.
	maxLockedKeys = 100_000
	// maxOption bounds the window and the duration.
	maxOption = 7 * 24 * time.Hour
)

// Config says when somebody is locked out, and for how long.
type Config struct {
	// Failures within Window lead to the lockout. Required.
	Failures int `json:"failures"`
	// Window is the time in which failures are counted. Required.
	Window caddy.Duration `json:"window"`
	// Duration is how long the lockout lasts. Required.
	Duration caddy.Duration `json:"duration"`
}

// Option is the option "lockout <failures> <window> <duration>".
func Option(to **Config) option.Option {
	return option.Func("lockout", func(d *caddyfile.Dispenser) error {
		var failures, window, duration string
		if !d.AllArgs(&failures, &window, &duration) {
			return d.Err("lockout takes a number of failures, a window and a duration, such as: lockout 20 1m 10m")
		}
		c := &Config{}
		var err error
		if c.Failures, err = strconv.Atoi(failures); err != nil {
			return d.Errf("lockout: %q is not a number", failures)
		}
		if c.Window, err = parseDuration(d, window); err != nil {
			return err
		}
		if c.Duration, err = parseDuration(d, duration); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return d.Errf("lockout: %v", err)
		}
		*to = c
		return nil
	})
}

func parseDuration(d *caddyfile.Dispenser, value string) (caddy.Duration, error) {
	parsed, err := caddy.ParseDuration(value)
	if err != nil {
		return 0, d.Errf("lockout: %q is not a duration like 1m", value)
	}
	return caddy.Duration(parsed), nil
}

func (c *Config) check() error {
	if c.Failures < 1 {
		return errors.New("the number of failures must be at least 1")
	}
	for _, d := range []caddy.Duration{c.Window, c.Duration} {
		if d < caddy.Duration(time.Millisecond) || d > caddy.Duration(maxOption) {
			return errors.New("window and duration must be above zero and at most 168h")
		}
	}
	return nil
}

// Guard keeps count. It may be used concurrently.
type Guard struct {
	config Config
	poolID string
	now    func() time.Time

	shared  *shared
	local   *counters
	breaker *breaker.Breaker

	// some is whether anybody is locked out: the only thing that most requests look at.
	some   atomic.Bool
	mu     sync.RWMutex
	locked map[string]time.Time

	cancel context.CancelFunc
	done   chan struct{}
}

func newGuard(name string, c Config, client redis.UniversalClient, logger *slog.Logger) *Guard {
	ctx, cancel := context.WithCancel(context.Background())
	g := &Guard{
		breaker: breaker.New(func(err error) { report(logger, err) }),
		config:  c, now: time.Now, local: newCounters(),
		locked: map[string]time.Time{}, cancel: cancel, done: make(chan struct{}),
	}
	if client == nil {
		close(g.done)
		return g
	}
	g.shared = newShared(client, name)
	go g.follow(ctx)
	return g
}

// Locked reports whether the key is locked out, and for how much longer. It costs no I/O.
func (g *Guard) Locked(key string) (time.Duration, bool) {
	if !g.some.Load() {
		return 0, false
	}
	g.mu.RLock()
	until, ok := g.locked[digest(key)]
	g.mu.RUnlock()
	left := until.Sub(g.now())
	return left, ok && left > 0
}

// Failed counts a failure of the key and locks it out when it was one too many. While
// Redis does not answer in time, this process counts for itself.
func (g *Guard) Failed(ctx context.Context, key string) {
	id := digest(key)
	if left, err := g.countShared(ctx, id); err == nil {
		g.lock(id, left)
		return
	}
	if g.local.add(id, g.now(), time.Duration(g.config.Window)) >= g.config.Failures {
		g.lock(id, time.Duration(g.config.Duration))
	}
}

// errNoRedis means that this process counts for itself.
var errNoRedis = errors.New("no Redis is configured")

func (g *Guard) countShared(ctx context.Context, id string) (left time.Duration, err error) {
	if g.shared == nil {
		return 0, errNoRedis
	}
	err = g.breaker.Call(ctx, budget, func(ctx context.Context) error {
		left, err = g.shared.count(ctx, id, g.config)
		return err
	})
	return left, err
}

// report logs when Redis stops and starts to answer.
func report(logger *slog.Logger, err error) {
	if err != nil {
		logger.Warn("redis does not answer in time, this process counts failures by itself", slog.Any("error", err))
		return
	}
	logger.Info("redis answers again, gateways count failures together")
}

func (g *Guard) lock(id string, left time.Duration) {
	if left <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.locked) >= maxLockedKeys {
		g.forget()
	}
	if _, known := g.locked[id]; known || len(g.locked) < maxLockedKeys {
		g.locked[id] = g.now().Add(left)
	}
	g.some.Store(true)
}

// forget drops those whose time is over. The caller holds the lock.
func (g *Guard) forget() {
	now := g.now()
	for id, until := range g.locked {
		if !until.After(now) {
			delete(g.locked, id)
		}
	}
	g.some.Store(len(g.locked) > 0)
}

// follow takes over the locks that other gateways made.
func (g *Guard) follow(ctx context.Context) {
	defer close(g.done)
	for retry.Sleep(ctx, pollInterval) {
		pollCtx, cancel := context.WithTimeout(ctx, pollInterval)
		locked, err := g.shared.locked(pollCtx)
		cancel()
		if err != nil {
			continue // Failed says it when it matters.
		}
		for id, left := range locked {
			g.lock(id, left)
		}
		g.mu.Lock()
		g.forget()
		g.mu.Unlock()
	}
}

// digest keeps addresses and ids out of Redis.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}
