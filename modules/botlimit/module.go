// Package botlimit is the handler bot_rate_limit: it refuses requests above the rates of
// its zones, counted in Redis or, without one, in this process.
package botlimit

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/modules/internal/metrics"
)

// Defaults of the options.
const (
	DefaultKey    = "{http.vars.client_ip}"
	DefaultBudget = 20 * time.Millisecond
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler counts each request in its zones, in their order, and answers 429 with
// Retry-After for the first one that is used up. Answers carry RateLimit-Policy and
// RateLimit, whether they are refusals or not.
//
// Counting is done in the Redis of the global option botgate. Without one, and while
// Redis does not answer within the budget, each gateway counts on its own with the same
// limits. What was counted in the process survives reloads, not restarts.
type Handler struct {
	// Zones are the limits that a request must all keep. At least one is required.
	Zones []Zone `json:"zones,omitempty"`

	// Budget is how long a request may wait for Redis, for all zones together.
	// Default: 20ms.
	Budget caddy.Duration `json:"budget,omitempty"`

	store  *store
	held   bool
	policy string
	logger *slog.Logger
}

// Zone limits the requests that have the same key. Zones of the same name count
// together, in all routes, and in all gateways that share a Redis.
type Zone struct {
	// Name appears in headers and metrics: letters, digits, '-' and '_', at most 64.
	Name string `json:"name,omitempty"`

	// Key is what is counted, with placeholders. Requests for which it is empty count
	// together. Default: {http.vars.client_ip}, the client's address, which is taken
	// from headers only where trusted_proxies allows it.
	Key string `json:"key,omitempty"`

	// Rate is how many requests are allowed, as "<count>/<period>": 10/s, 600/m,
	// 5000/h or 100/30s. Required.
	Rate Rate `json:"rate,omitzero"`

	// Burst is how many requests may come at once. Default: the rate's count.
	Burst int `json:"burst,omitempty"`

	limit    redis_rate.Limit
	counters zoneCounters
}

// redisSource is what the handler needs of the botgate app.
type redisSource interface {
	// Redis returns nil where none is configured. The client must honour the deadlines
	// of contexts, or the budget is none.
	Redis() redis.UniversalClient
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_rate_limit", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets defaults and takes hold of Redis and of what was counted so far.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Slogger()
	if h.Budget == 0 {
		h.Budget = caddy.Duration(DefaultBudget)
	}
	for i := range h.Zones {
		h.Zones[i].provision()
	}
	h.policy = policy(h.Zones)
	app, err := ctx.App("botgate")
	if err != nil {
		return fmt.Errorf("bot_rate_limit: %w", err)
	}
	source, ok := app.(redisSource)
	if !ok {
		return errors.New("bot_rate_limit: the app botgate has no Redis to share")
	}
	shared, err := acquireLocal()
	if err != nil {
		return fmt.Errorf("bot_rate_limit: %w", err)
	}
	h.held = true
	h.store = newStore(source.Redis(), shared, time.Duration(h.Budget), h.logger)
	return metrics.Register(ctx.GetMetricsRegistry(), collectors...)
}

func (z *Zone) provision() {
	if z.Key == "" {
		z.Key = DefaultKey
	}
	if z.Burst == 0 {
		z.Burst = z.Rate.Count
	}
	z.limit = redis_rate.Limit{Rate: z.Rate.Count, Burst: z.Burst, Period: z.Rate.Period}
	z.counters = countersOf(z.Name)
}

var zoneName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Validate checks the options.
func (h *Handler) Validate() error {
	if len(h.Zones) == 0 {
		return errors.New("bot_rate_limit: option zone: at least one is needed")
	}
	if h.Budget < 0 {
		return errors.New("bot_rate_limit: option budget: must be positive")
	}
	names := make(map[string]bool, len(h.Zones))
	for _, z := range h.Zones {
		switch {
		case !zoneName.MatchString(z.Name):
			return fmt.Errorf("bot_rate_limit: zone %q: a name has letters, digits, '-' and '_', at most 64", z.Name)
		case names[z.Name]:
			return fmt.Errorf("bot_rate_limit: zone %q: there are two of this name", z.Name)
		case z.Rate.Count == 0:
			return fmt.Errorf("bot_rate_limit: zone %q: option rate: %w", z.Name, errRate)
		case z.Burst < 1 || z.Burst > maxCount:
			return fmt.Errorf("bot_rate_limit: zone %q: option burst: must be from 1 to %d", z.Name, maxCount)
		}
		names[z.Name] = true
	}
	return nil
}

// Cleanup lets go of what was counted; the last handler to do so forgets it.
func (h *Handler) Cleanup() error {
	if !h.held {
		return nil
	}
	h.held = false
	return releaseLocal()
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
