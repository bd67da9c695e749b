// Package botsignature is the handler bot_signature: it lets requests pass that a
// platform signed, and tells the handlers that follow what they are about.
package botsignature

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/metrics"
	"github.com/botgate/botgate/modules/internal/secret"
)

// DefaultMaxSize is the largest body in bytes, 25 MB: what GitHub sends at most.
const DefaultMaxSize = 25_000_000

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
//	{http.bot.dedupe_id}    the same in every repeat of a delivery; may be empty
//	{http.bot.verified_by}  the platform's name
//
// It answers 401 where the signature is missing or wrong, 404 where the platform is not
// configured and 413 where the body is above max_size. The body can be read again.
type Handler struct {
	// Platform is the name of the platform that sends the requests. It may have
	// placeholders, and then picks one of Platforms for each request. Required.
	Platform string `json:"platform,omitempty"`

	// Platforms holds the secrets of each platform by its name.
	Platforms map[string]*Secrets `json:"platforms,omitempty"`

	// MaxSize is the largest body in bytes. Default: 25 MB.
	MaxSize int64 `json:"max_size,omitempty"`

	senders map[string]*sender
	logger  *slog.Logger
	now     func() time.Time
}

// Secrets says where the secrets of one platform are. Each of them may sign. They are
// read when the configuration is loaded; at least one is required.
type Secrets struct {
	// Files hold one secret each; a line break at the end is not part of it.
	Files []string `json:"secret_files,omitempty"`

	// Envs names environment variables with one secret each.
	Envs []string `json:"secret_envs,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_signature", New: func() caddy.Module { return new(Handler) }}
}

// Provision reads the secrets.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Slogger()
	h.now = time.Now
	if h.MaxSize == 0 {
		h.MaxSize = DefaultMaxSize
	}
	h.senders = make(map[string]*sender, len(h.Platforms))
	for name, secrets := range h.Platforms {
		known, ok := platform.Get(name)
		if !ok {
			return fmt.Errorf("bot_signature: unknown platform %q; there are %s", name, strings.Join(platform.Names(), ", "))
		}
		loaded, err := secrets.load(known)
		if err != nil {
			return fmt.Errorf("bot_signature: %s: %w", name, err)
		}
		h.senders[name] = newSender(known, loaded)
	}
	return metrics.Register(ctx.GetMetricsRegistry(), collectors...)
}

func (s *Secrets) load(p platform.Platform) ([]platform.Secret, error) {
	if s == nil || len(s.Files)+len(s.Envs) == 0 {
		return nil, errors.New("option secret_file or secret_env: at least one secret is required")
	}
	var loaded []platform.Secret
	for _, source := range []struct {
		option string
		places []string
		read   func(string) ([]byte, error)
	}{
		{"secret_file", s.Files, secret.FromFile},
		{"secret_env", s.Envs, secret.FromEnv},
	} {
		for _, place := range source.places {
			raw, err := source.read(place)
			if err != nil {
				return nil, fmt.Errorf("option %s: %w", source.option, err)
			}
			parsed, err := p.ParseSecret(raw)
			if err != nil {
				return nil, fmt.Errorf("option %s: %s: %w", source.option, place, err)
			}
			loaded = append(loaded, parsed)
		}
	}
	return loaded, nil
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
		return fmt.Errorf("bot_signature: no secrets for the platform %q: set secret_file or secret_env", h.Platform)
	}
	if len(h.senders) == 0 {
		return errors.New("bot_signature: no platform is configured")
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
