// Package botsignature is the handler bot_signature: it lets requests pass that a
// platform signed, and tells the handlers that follow what they are about.
package botsignature

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/modules/internal/jwks"
	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/order"
	"github.com/botgate/botgate/modules/internal/requestlog"
	"github.com/botgate/botgate/modules/internal/security"
	"github.com/botgate/botgate/modules/internal/unverified"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler verifies the signature of a platform's webhook over the raw body, before
// anything parses it. It sets the placeholders
//
//	{http.bot.platform}     the platform's name
//	{http.bot.type}         what happened, such as "github.push"
//	{http.bot.user}         who caused it; may be empty
//	{http.bot.order_key}    what its order is kept in; empty: the user
//	{http.bot.delivery_key} what names the delivery; may be empty
//	{http.bot.verified_by}  the platform's name
//
// It answers 401 where the signature is missing or wrong, 404 where the platform is not
// configured, 413 where the body is above max_size, 422 where it brings too many events, and 503
// while there is no room for it. The body can be read again.
type Handler struct {
	// Platform is the name of the platform that sends the requests. It may have
	// placeholders, and then picks one of Platforms for each request. Required.
	Platform string `json:"platform,omitempty"`

	// Platforms holds the secrets and options of each platform by its name.
	Platforms map[string]*PlatformConfig `json:"platforms,omitempty"`

	// MaxSize is the largest body in bytes. Default: that of the platform, see [platform.MaxBody].
	MaxSize int64 `json:"max_size,omitempty"`

	// Lockout refuses an address for a time after too many bad signatures from it.
	// Default: none.
	Lockout *lockout.Config `json:"lockout,omitempty"`

	senders  map[string]*sender
	budget   *unverified.Budget
	guard    *lockout.Guard
	security *security.Log
	now      func() time.Time
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_signature", New: func() caddy.Module { return new(Handler) }}
}

// botgateApp is what the handler needs of the botgate app.
type botgateApp interface {
	Redis() redis.UniversalClient
}

// Provision reads the secrets.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := order.Verify(ctx); err != nil {
		return err
	}
	h.now = time.Now
	h.security = security.NewLog(ctx)
	h.senders = make(map[string]*sender, len(h.Platforms))
	for name, config := range h.Platforms {
		from, err := config.open(name, requestlog.Logger(ctx))
		if err != nil {
			return fmt.Errorf("bot_signature: %s: %w", name, err)
		}
		h.senders[name] = from
		startSeries(name)
	}
	if err := h.provisionLockout(ctx); err != nil {
		return err
	}
	var err error
	if h.budget, err = unverified.Acquire(ctx); err != nil {
		return fmt.Errorf("bot_signature: %w", err)
	}
	registry := ctx.GetMetricsRegistry()
	return errors.Join(jwks.Register(registry), metric.Register(registry, "bot_signature", collectors...))
}

func (h *Handler) provisionLockout(ctx caddy.Context) error {
	if h.Lockout == nil {
		return nil
	}
	shared, err := ctx.App("botgate")
	if err != nil {
		return fmt.Errorf("bot_signature: %w", err)
	}
	h.guard, err = lockout.Acquire("signature", *h.Lockout, shared.(botgateApp).Redis(), requestlog.Logger(ctx))
	if err != nil {
		return fmt.Errorf("bot_signature: option lockout: %w", err)
	}
	return nil
}

// Cleanup releases key sets and watched files. Requests that still run under this
// configuration keep the secrets that they have.
func (h *Handler) Cleanup() error {
	errs := []error{h.budget.Release()}
	for _, from := range h.senders {
		errs = append(errs, from.secrets.Close())
	}
	if h.guard != nil {
		errs = append(errs, h.guard.Release())
	}
	return errors.Join(errs...)
}

// Validate checks the options.
func (h *Handler) Validate() error {
	if h.MaxSize < 0 {
		return errors.New("bot_signature: option max_size: must be positive")
	}
	if h.Platform == "" {
		return errors.New("bot_signature: name the platform, for example github")
	}
	if _, ok := h.senders[h.Platform]; !ok && !strings.Contains(h.Platform, "{") {
		return fmt.Errorf("bot_signature: nothing is configured for the platform %q: set secret_file or secret_env", h.Platform)
	}
	if len(h.senders) == 0 {
		return errors.New("bot_signature: no platform is configured")
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
