// Package lockout refuses, for a time and before any cryptography, those who failed too
// often. What they failed at is counted in Redis for all gateways, or in this process.
package lockout

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/expiring"
	"github.com/botgate/botgate/internal/sharedstate"
	"github.com/botgate/botgate/modules/internal/option"
)

const (
	// budget is the one of [Guard].
	budget = 20 * time.Millisecond
	// pollInterval is how soon a lock that another gateway made works here.
	pollInterval = time.Second
	// maxKeys bounds the tables of those who failed and of those who are locked out, to some
	// 10 MB each.
	maxKeys = 100_000
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
	sharedstate.Base
	name   string
	config Config
	poolID string
	now    func() time.Time
	// budget is what a failed request waits for Redis at most.
	budget time.Duration

	shared *shared
	// polling guards shared.lifted.
	polling sync.Mutex
	local   *expiring.Map[string, counter]
	locked  *expiring.Map[string, time.Time]
	// alone has the locks that Redis was not told of, until it is.
	alone *expiring.Map[string, time.Time]
	// until is when the last lock ends, in Unix nanoseconds: the only thing that most
	// requests look at.
	until atomic.Int64
}

// counter is how often a key failed in the window that ends then.
type counter struct {
	count int
	ends  time.Time
}

func newGuard(name string, c Config, client redis.UniversalClient, logger *slog.Logger) *Guard {
	g := &Guard{
		Base: sharedstate.New(sharedstate.Config{Logger: logger}, "this process counts failures by itself"),
		name: name, config: c, now: time.Now, budget: budget,
		local:  expiring.New[string](maxKeys, func(c counter) time.Duration { return since(c.ends) }),
		locked: expiring.New[string](maxKeys, since),
		alone:  expiring.New[string](maxKeys, since),
	}
	if client != nil {
		g.shared = newShared(client, name)
		g.Every(pollInterval, g.poll)
	}
	return g
}

// since is a time as [expiring.Map] wants it.
func since(t time.Time) time.Duration { return time.Duration(t.UnixNano()) }

// Locked reports whether the key is locked out, and for how much longer. It costs no I/O.
func (g *Guard) Locked(key string) (time.Duration, bool) {
	last := g.until.Load()
	if last == 0 {
		return 0, false
	}
	now := g.now()
	if now.UnixNano() >= last {
		return 0, false
	}
	until, _ := g.locked.Get(nameOf(key))
	left := until.Sub(now)
	return left, left > 0
}

// Failed counts a failure of the key and locks it out when it was one too many; then it returns for how long. This
// process counts them all: those that Redis does not answer for in time are not lost, and other gateways hear of the
// lockout when it does.
func (g *Guard) Failed(ctx context.Context, key string) (left time.Duration) {
	name := nameOf(key)
	failures := g.count(name)
	if failures >= g.config.Failures {
		left = time.Duration(g.config.Duration)
	}
	if g.shared != nil {
		if shared, err := g.countShared(ctx, name, failures); err == nil {
			left = shared
		} else if left > 0 {
			g.alone.Set(name, g.now().Add(left))
		}
	}
	g.lock(name, left)
	return left
}

func (g *Guard) countShared(ctx context.Context, name string, failures int) (left time.Duration, err error) {
	err = g.Breaker.Call(ctx, g.budget, func(ctx context.Context) error {
		left, err = g.shared.count(ctx, name, failures, time.Duration(g.config.Duration), g.config)
		return err
	})
	return left, err
}

// count adds a failure in this process and returns how many there are in the window.
func (g *Guard) count(id string) (failures int) {
	now := g.now()
	g.local.Update(id, func(c counter, _ bool) (counter, bool) {
		if !now.Before(c.ends) {
			c = counter{ends: now.Add(time.Duration(g.config.Window))}
		}
		c.count++
		failures = c.count
		return c, true
	})
	return failures
}

// lock has failures count anew when it ends.
func (g *Guard) lock(id string, left time.Duration) {
	if left <= 0 {
		return
	}
	g.local.Delete(id)
	until := g.now().Add(left)
	g.locked.Set(id, until)
	for last := g.until.Load(); last < until.UnixNano(); last = g.until.Load() {
		g.until.CompareAndSwap(last, until.UnixNano())
	}
}
