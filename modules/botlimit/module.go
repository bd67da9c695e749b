// Package botlimit is the handler bot_rate_limit: it refuses, or slows down, requests
// above the rates of its zones, counted in Redis or, without one, in this process.
package botlimit

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/modules/internal/ahead"
	"github.com/botgate/botgate/modules/internal/order"
	"github.com/botgate/botgate/modules/internal/refusals"
	"github.com/botgate/botgate/modules/internal/requestlog"
	"github.com/botgate/botgate/modules/internal/security"
)

// Defaults of the options.
const (
	defaultKey        = "{http.vars.client_ip}"
	defaultBudget     = 20 * time.Millisecond
	defaultMaxDelay   = 30 * time.Second
	defaultIPv6Prefix = 64
	defaultShare      = 1.0
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// What becomes of requests above a limit, as [Handler.OverLimit] says it.
const (
	// overLimitReject answers 429.
	overLimitReject = "reject"
	// overLimitDefer accepts them and has their events delivered later, as fast as the rate allows.
	overLimitDefer = "defer"
)

// Handler counts each request in its zones: in all of them, or, when one of them is used
// up, in none. It answers 429 with Retry-After then, or has the events delivered later.
// Answers carry RateLimit-Policy and RateLimit, whether they are refusals or not.
//
// Counting is done in the Redis of the global option botgate, without one in this
// process: then what was counted survives reloads, not restarts.
type Handler struct {
	// Zones are the limits that a request must all keep. At least one is required.
	Zones []Zone `json:"zones,omitempty"`

	// Budget is how long a request may wait for Redis. Default: 20ms.
	Budget caddy.Duration `json:"budget,omitempty"`

	// OnStoreError decides while Redis does not answer within the budget: "local" counts
	// in this process, "allow" lets everything pass, "deny" answers 503. Default: local.
	OnStoreError limit.OnError `json:"on_store_error,omitempty"`

	// LocalShare is the part of each limit that this gateway allows on its own then,
	// above 0 and up to 1: with n gateways, 1/n keeps the whole limit. Default: 1.
	LocalShare float64 `json:"local_share,omitempty"`

	// OverLimit is "reject" or "defer". Default: defer for requests that bot_signature
	// verified, since platforms do not all send again what they are refused, and
	// otherwise reject.
	OverLimit string `json:"over_limit,omitempty"`

	// MaxDelay is how much later events are delivered at most. Default: 30s.
	MaxDelay caddy.Duration `json:"max_delay,omitempty"`

	// DryRun decides and counts, and lets everything pass.
	DryRun bool `json:"dry_run,omitempty"`

	// LegacyHeaders adds X-RateLimit-Limit, -Remaining and -Reset (in seconds) of the zone
	// that has least left.
	LegacyHeaders bool `json:"legacy_headers,omitempty"`

	// IPv6Prefix is how many bits of an IPv6 address count, since one caller has them
	// all: 1 to 128. Default: 64.
	IPv6Prefix int `json:"ipv6_prefix,omitempty"`

	limiter *limit.Limiter
	policy  limit.Policy
	// next finds who asks Redis about the requests that pass, and returns nil for nobody.
	next    func() ahead.Asker
	release func() error
	logger  *slog.Logger
	// security takes what is refused; it is not in the log, as callers may come again.
	security *security.Log
	// unwatch ends the report of the limits; nil where there is none.
	unwatch func()
}

// botgateApp is what the handler needs of the botgate app.
type botgateApp interface {
	// RedisPipe returns nil where no Redis is configured. Its client must honour the deadlines
	// of contexts, or the budget is none.
	RedisPipe() *redisclient.Pipe
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_rate_limit", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets defaults and acquires Redis and what was counted so far.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := order.Verify(ctx); err != nil {
		return err
	}
	h.logger, h.security = requestlog.Logger(ctx), security.NewLog(ctx)
	h.setDefaults()
	for i := range h.Zones {
		if err := h.Zones[i].provision(); err != nil {
			return fmt.Errorf("bot_rate_limit: zone %q: %w", h.Zones[i].Name, err)
		}
		h.Zones[i].doubts(h.logger)
	}
	app, err := ctx.App("botgate")
	if err != nil {
		return fmt.Errorf("bot_rate_limit: %w", err)
	}
	if h.limiter, h.release, err = acquire(app.(botgateApp).RedisPipe(), h.logger); err != nil {
		return fmt.Errorf("bot_rate_limit: %w", err)
	}
	if reporting, ok := app.(interface{ Refusals() *refusals.Tally }); ok {
		h.unwatch = reporting.Refusals().Watch(reported{h})
	}
	h.next = ahead.Of(ctx, h)
	h.policy = limit.Policy{Budget: time.Duration(h.Budget), OnError: h.OnStoreError, Share: h.LocalShare}
	return metric.Register(ctx.GetMetricsRegistry(), "bot_rate_limit", collectors...)
}

func (h *Handler) setDefaults() {
	h.Budget = cmp.Or(h.Budget, caddy.Duration(defaultBudget))
	h.OnStoreError = cmp.Or(h.OnStoreError, limit.Local)
	h.LocalShare = cmp.Or(h.LocalShare, defaultShare)
	h.MaxDelay = cmp.Or(h.MaxDelay, caddy.Duration(defaultMaxDelay))
	h.IPv6Prefix = cmp.Or(h.IPv6Prefix, defaultIPv6Prefix)
}

// Validate checks the options.
func (h *Handler) Validate() error {
	switch {
	case len(h.Zones) == 0:
		return errors.New("bot_rate_limit: option zone: at least one is needed")
	case h.Budget < 0:
		return errors.New("bot_rate_limit: option budget: must be positive")
	case h.OnStoreError != limit.Local && h.OnStoreError != limit.Allow && h.OnStoreError != limit.Deny:
		return fmt.Errorf("bot_rate_limit: option on_store_error: %q is none of local, allow and deny", h.OnStoreError)
	case h.LocalShare <= 0 || h.LocalShare > 1:
		return errors.New("bot_rate_limit: option on_store_error: the share must be above 0 and at most 1")
	case h.OverLimit != "" && h.OverLimit != overLimitReject && h.OverLimit != overLimitDefer:
		return fmt.Errorf("bot_rate_limit: option over_limit: %q is none of reject and defer", h.OverLimit)
	case h.MaxDelay < 0 || time.Duration(h.MaxDelay) > maxMaxDelay:
		return fmt.Errorf("bot_rate_limit: option max_delay: must be from 1ms to %s", maxMaxDelay)
	case h.IPv6Prefix < 1 || h.IPv6Prefix > 128:
		return errors.New("bot_rate_limit: option ipv6_prefix: must be from 1 to 128")
	}
	names := make(map[string]bool, len(h.Zones))
	for i := range h.Zones {
		zone := &h.Zones[i]
		if names[zone.Name] {
			return fmt.Errorf("bot_rate_limit: zone %q: there are two of this name", zone.Name)
		}
		names[zone.Name] = true
		if err := zone.validate(); err != nil {
			return fmt.Errorf("bot_rate_limit: zone %q: %w", zone.Name, err)
		}
	}
	return nil
}

// maxMaxDelay bounds how long events may be held back: they wait in the memory of who
// delivers them.
const maxMaxDelay = time.Hour

// Cleanup releases what was counted; the last handler to do so forgets it.
func (h *Handler) Cleanup() error {
	if h.release == nil {
		return nil
	}
	release := h.release
	h.release = nil
	if h.unwatch != nil {
		h.unwatch()
	}
	return release()
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
