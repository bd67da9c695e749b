// Package botjwt is the handler bot_jwt: it lets requests pass that carry a valid JSON
// Web Token, and tells the handlers that follow whose it is.
package botjwt

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/metrics"
	"github.com/botgate/botgate/modules/internal/secret"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler verifies the bearer token of a request (RFC 6750). It sets the placeholders
//
//	{http.auth.user.id}       the user, from the user claim
//	{http.auth.user.<claim>}  any claim, see [Claims.Text]; the user goes before a claim "id"
//	{http.bot.verified_by}    "jwt"
//
// It answers 401 with a WWW-Authenticate header where the token is missing or did not
// pass, and 403 where it lacks a scope.
type Handler struct {
	// Keys verify the tokens; each serves its own algorithm only. At least one is required.
	Keys []KeyConfig `json:"keys,omitempty"`

	// Issuers are the allowed values of the claim "iss". Default: any.
	Issuers []string `json:"issuers,omitempty"`

	// Audiences must share a value with the claim "aud". Default: any.
	Audiences []string `json:"audiences,omitempty"`

	// Leeway is how far the clocks of issuer and gateway may differ. Default: 30s.
	Leeway *caddy.Duration `json:"leeway,omitempty"`

	// RequireScopes must all be in the claims "scope" or "scp". Default: none.
	RequireScopes []string `json:"require_scopes,omitempty"`

	// UserClaim is the claim that names the user, a text or a number. Default: "sub".
	UserClaim string `json:"user_claim,omitempty"`

	// MaxTokenSize is the longest token in bytes. Default: 8000.
	MaxTokenSize int `json:"max_token_size,omitempty"`

	verifier  *Verifier
	challenge challenges
	logger    *slog.Logger
}

// KeyConfig says where a key is. Exactly one of File and Env is set; both are read when
// the configuration is loaded.
type KeyConfig struct {
	// Algorithm is HS256, RS256, ES256 or EdDSA.
	Algorithm string `json:"algorithm,omitempty"`

	// File holds the key: see [ParseKey]. A line break at the end is not part of it.
	File string `json:"file,omitempty"`

	// Env names an environment variable with the key instead.
	Env string `json:"env,omitempty"`

	// KID is the key id. Default: none, the key fits every token of its algorithm.
	KID string `json:"kid,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_jwt", New: func() caddy.Module { return new(Handler) }}
}

// Provision reads the keys.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Slogger()
	h.setDefaults()
	if len(h.Keys) == 0 {
		return errors.New("bot_jwt: option key: at least one is required")
	}
	config := Config{
		Issuers: h.Issuers, Audiences: h.Audiences, Scopes: h.RequireScopes,
		Leeway: time.Duration(*h.Leeway), UserClaim: h.UserClaim, MaxTokenSize: h.MaxTokenSize,
		Now: time.Now,
	}
	for _, k := range h.Keys {
		key, err := k.load()
		if err != nil {
			return fmt.Errorf("bot_jwt: option key: %w", err)
		}
		config.Keys = append(config.Keys, key)
	}
	h.verifier = NewVerifier(config)
	h.challenge = newChallenges(h.RequireScopes)
	return metrics.Register(ctx.GetMetricsRegistry(), collectors...)
}

func (h *Handler) setDefaults() {
	if h.Leeway == nil {
		leeway := caddy.Duration(DefaultLeeway)
		h.Leeway = &leeway
	}
	if h.UserClaim == "" {
		h.UserClaim = DefaultUserClaim
	}
	if h.MaxTokenSize == 0 {
		h.MaxTokenSize = DefaultMaxTokenSize
	}
}

func (k KeyConfig) load() (Key, error) {
	var raw []byte
	var err error
	switch {
	case (k.File == "") == (k.Env == ""):
		return Key{}, errors.New("either a file or an environment variable must be named")
	case k.File != "":
		raw, err = secret.FromFile(k.File)
	default:
		raw, err = secret.FromEnv(k.Env)
	}
	if err != nil {
		return Key{}, err
	}
	key, err := ParseKey(k.Algorithm, k.KID, raw)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", k.File+k.Env, err)
	}
	return key, nil
}

// Validate checks the options.
func (h *Handler) Validate() error {
	if *h.Leeway < 0 {
		return errors.New("bot_jwt: option leeway: must not be negative")
	}
	if h.MaxTokenSize < 0 {
		return errors.New("bot_jwt: option max_token_size: must be positive")
	}
	for _, scope := range h.RequireScopes {
		if scope == "" || strings.ContainsFunc(scope, notScopeChar) {
			return fmt.Errorf("bot_jwt: option require_scope: %q is not a scope (RFC 6749, section 3.3)", scope)
		}
	}
	return nil
}

// notScopeChar keeps scopes fit for the quoted list of a WWW-Authenticate header.
func notScopeChar(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
