// Package botcache is the handler bot_cache: it keeps answers of bots behind synchronous routes, and gives
// them again while they are fresh, as RFC 9111 has it for shared caches.
package botcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/modules/internal/order"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Defaults and bounds of the options.
const (
	defaultSize    = 64 << 20
	defaultMaxBody = 1 << 20
	maxSize        = 16 << 30
	maxMaxBody     = 64 << 20
	maxLifetime    = 365 * 24 * time.Hour
)

// Handler keeps the answers to GET requests (RFC 9111) in this process's memory. Answers that differ by who asks
// are safe: one to a request with credentials is kept only where it says that it is for everybody.
type Handler struct {
	// TTL is how long an answer is fresh that does not say so itself, by Cache-Control or Expires.
	// Default: 0, such an answer is not kept.
	TTL caddy.Duration `json:"ttl,omitempty"`

	// StaleWhileRevalidate is how long after that an answer is still given, while it is asked for anew
	// (RFC 5861, section 3), where it does not say so itself. Default: 0.
	StaleWhileRevalidate caddy.Duration `json:"stale_while_revalidate,omitempty"`

	// StaleIfError is how long after it was fresh an answer is given in place of an error: a status of 500,
	// 502, 503 or 504, or none at all (RFC 5861, section 4), where it does not say so itself. Default: 0.
	StaleIfError caddy.Duration `json:"stale_if_error,omitempty"`

	// PerCaller keeps answers to requests with credentials apart for each caller, private ones too: for the
	// same credentials (Authorization, Cookie) and the same user of bot_jwt. Default: false.
	PerCaller bool `json:"per_caller,omitempty"`

	// Shared says that answers are the same for all callers that get this far, whatever credentials they
	// have. Default: false, the answer has to say so: by "public" or "s-maxage".
	Shared bool `json:"shared,omitempty"`

	// Key are texts with placeholders that an answer differs by, beside host, path and query, such as
	// {http.request.header.X-Tenant}. What an answer names in Vary need not be among them. Default: none.
	Key []string `json:"key,omitempty"`

	// MaxBody is the largest body that is kept, in bytes. Default: 1 MiB.
	MaxBody int64 `json:"max_body,omitempty"`

	// Size bounds the memory of what this handler keeps, in bytes; what is rarely asked for goes first.
	// Default: 64 MiB.
	Size int64 `json:"size,omitempty"`

	answers *answers
	flights flights
	// closing ends with the handler, and with it the renewals that no client waits for.
	closing context.Context
	close   context.CancelFunc
	logger  *slog.Logger
	sampler *requestlog.Sampler
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_cache", New: func() caddy.Module { return new(Handler) }}
}

// Provision makes the cache, which is empty after each reload: the bot behind it may be another one.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := order.Verify(ctx); err != nil {
		return err
	}
	if h.Size == 0 {
		h.Size = defaultSize
	}
	if h.MaxBody == 0 {
		h.MaxBody = min(defaultMaxBody, h.Size)
	}
	if err := h.check(); err != nil {
		return fmt.Errorf("bot_cache: %w", err)
	}
	h.logger, h.sampler = ctx.Slogger(), requestlog.NewSampler(time.Now)
	h.closing, h.close = context.WithCancel(context.Background())
	var err error
	if h.answers, err = acquire(h); err != nil {
		return fmt.Errorf("bot_cache: option size: %w", err)
	}
	return metric.Register(ctx.GetMetricsRegistry(), "bot_cache", collectors...)
}

// check names the option that is wrong.
func (h *Handler) check() error {
	switch {
	case h.TTL < 0 || h.StaleWhileRevalidate < 0 || h.StaleIfError < 0:
		return errors.New("options ttl, stale_while_revalidate and stale_if_error: must not be negative")
	case h.PerCaller && h.Shared:
		return errors.New("options per_caller and shared: an answer is for one caller or for all; choose one of them")
	case h.Size < 0 || h.Size > maxSize:
		return fmt.Errorf("option size: must be 1 to %d bytes", int64(maxSize))
	case h.MaxBody < 0 || h.MaxBody > maxMaxBody || h.MaxBody > h.Size:
		return fmt.Errorf("option max_body: must be 1 to %d bytes, and no more than size", int64(maxMaxBody))
	}
	return nil
}

// Cleanup ends the renewals and forgets what was kept.
func (h *Handler) Cleanup() error {
	if h.answers == nil {
		return nil
	}
	h.close()
	h.flights.close()
	return release(h)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
