// Package botcors is the handler bot_cors: it lets pages of named origins call the API
// from a browser.
package botcors

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/rs/cors"

	"github.com/botgate/botgate/modules/internal/crossorigin"
	"github.com/botgate/botgate/modules/internal/placeholder"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// defaultMethods and defaultHeaders are what the API's own routes need.
var (
	defaultMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost}
	defaultHeaders = []string{"Authorization", "Content-Type", "Idempotency-Key"}
	defaultExposed = []string{"Location", "Retry-After", "RateLimit", "RateLimit-Policy", "ETag"}
)

// Handler answers preflight requests, and lets pages of the allowed origins read other
// answers (https://fetch.spec.whatwg.org/#http-cors-protocol). It refuses nothing: a
// browser keeps an answer from a page whose origin is not in it.
type Handler struct {
	// Origins are the allowed ones, such as https://app.example. In https://*.app.example the "*"
	// stands for every name below a domain that is somebody's own; alone it stands for every origin.
	// Required.
	Origins []string `json:"origins,omitempty"`

	// Methods are the allowed ones. Default: GET, HEAD and POST.
	Methods []string `json:"methods,omitempty"`

	// Headers are those a page may send. Default: Authorization, Content-Type and
	// Idempotency-Key.
	Headers []string `json:"headers,omitempty"`

	// ExposeHeaders are those a page may read. Default: Location, Retry-After, RateLimit,
	// RateLimit-Policy and ETag.
	ExposeHeaders []string `json:"expose_headers,omitempty"`

	// Credentials lets pages send cookies. Default: false.
	Credentials bool `json:"credentials,omitempty"`

	// MaxAge is how long browsers may remember a preflight's answer. Default: 10m.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	cors *cors.Cors
}

// defaultMaxAge is the default of Handler.MaxAge.
const defaultMaxAge = 10 * time.Minute

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_cors", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets defaults.
func (h *Handler) Provision(caddy.Context) error {
	if err := placeholder.ExpandAll("origins", h.Origins); err != nil {
		return fmt.Errorf("bot_cors: %w", err)
	}
	if h.MaxAge == 0 {
		h.MaxAge = caddy.Duration(defaultMaxAge)
	}
	h.cors = cors.New(cors.Options{
		AllowedOrigins: h.Origins, AllowCredentials: h.Credentials,
		AllowedMethods: orDefault(h.Methods, defaultMethods), AllowedHeaders: orDefault(h.Headers, defaultHeaders),
		ExposedHeaders: orDefault(h.ExposeHeaders, defaultExposed), MaxAge: int(time.Duration(h.MaxAge).Seconds()),
		OptionsSuccessStatus: http.StatusNoContent,
	})
	return nil
}

func orDefault(values, fallback []string) []string {
	if len(values) == 0 {
		return fallback
	}
	return values
}

// Validate checks the options.
func (h *Handler) Validate() error {
	// The library takes no origins for all of them.
	if len(h.Origins) == 0 {
		return errors.New("bot_cors: option origins: at least one is required")
	}
	if h.Credentials && slices.Contains(h.Origins, "*") {
		return errors.New("bot_cors: option credentials: any page could act as the user; name the origins")
	}
	for _, origin := range h.Origins {
		if err := checkOrigin(origin); err != nil {
			return fmt.Errorf("bot_cors: option origins: %w", err)
		}
	}
	if h.MaxAge < 0 {
		return errors.New("bot_cors: option max_age: must not be negative")
	}
	return nil
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	h.cors.HandlerFunc(w, r)
	if h.Credentials && r.Header.Get("Origin") != "" && h.cors.OriginAllowed(r) {
		crossorigin.Allow(r)
	}
	if preflight {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return next.ServeHTTP(w, r)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
