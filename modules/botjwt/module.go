// Package botjwt is the handler bot_jwt: it lets requests pass that carry a valid JSON
// Web Token, and tells the handlers that follow whose it is.
package botjwt

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/revocation"
	"github.com/botgate/botgate/modules/internal/gateway"
	"github.com/botgate/botgate/modules/internal/jwks"
	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/order"
	"github.com/botgate/botgate/modules/internal/redact"
	"github.com/botgate/botgate/modules/internal/requestlog"
	"github.com/botgate/botgate/modules/internal/security"
)

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler verifies the bearer token of a request (RFC 6750). It sets the placeholders
//
//	{http.auth.user.id}       the user, from the user claim
//	{http.auth.user.<claim>}  any claim as text, or as compact JSON; the user goes before a claim "id"
//	{http.bot.verified_by}    "jwt"
//	{http.bot.scopes}         the token's scopes that count, with spaces between
//	{http.bot.allowed}        the bot that the token is for, * for all, empty for none
//
// The last one goes upstream as the header X-Botgate-Bot, which the backend goes by. It answers 401 with a WWW-Authenticate header where the token is missing or did not
// pass, 403 where it lacks a scope, 400 where there are two, and 503 while the issuer's
// keys can't be had.
type Handler struct {
	// IssuerConfig is the trust without a block of its own. Its issuers are Issuers.
	IssuerConfig

	// Issuers are the allowed values of the claim "iss" for the handler's own keys.
	// Default: any.
	Issuers []string `json:"issuers,omitempty"`

	// Trusts are further issuers, each with keys of its own, which verify only its tokens.
	Trusts []*IssuerConfig `json:"trusts,omitempty"`

	// Sources say where tokens are. Default: the Authorization header.
	Sources []SourceConfig `json:"sources,omitempty"`

	// Leeway is how far the clocks of issuer and gateway may differ. Default: 30s.
	Leeway *caddy.Duration `json:"leeway,omitempty"`

	// RequireScopes must all be in the claims "scope" or "scp". Default: none.
	RequireScopes []string `json:"require_scopes,omitempty"`

	// RequireClaims must each have one of the values; "any", alone, is any. Default: none.
	RequireClaims map[string][]string `json:"require_claims,omitempty"`

	// AllowNoExpiry lets tokens without "exp" pass, which can't be ended but by changing
	// the key. Default: false.
	AllowNoExpiry bool `json:"allow_no_expiry,omitempty"`

	// UserClaim is the claim that names the user, a text or a number. Default: "sub".
	UserClaim string `json:"user_claim,omitempty"`

	// BotClaim is the claim that names the one bot that a token is for. A token without it is
	// for all bots, one with anything else in it for none. Default: "bot".
	BotClaim string `json:"bot_claim,omitempty"`

	// RequireBot is the bot that the token must be for; placeholders may be used. bot_enqueue
	// asks for its own bot by itself. Default: any.
	RequireBot string `json:"require_bot,omitempty"`

	// ClaimHeaders are sent upstream, each with the claim that it is named with. The
	// caller's own headers of these names are taken away first. A claim with control
	// characters is sent as an empty header, and one that is missing not at all. Default: none.
	ClaimHeaders map[string]string `json:"claim_headers,omitempty"`

	// MaxTokenSize is the longest token in bytes. Default: 8000.
	MaxTokenSize int `json:"max_token_size,omitempty"`

	// CacheSize is how many verified tokens are remembered; below zero, none.
	// Default: 10000.
	CacheSize int `json:"cache_size,omitempty"`

	// Revocation refuses tokens that "botgate revoke" ended. Revocations are in the
	// botgate app's Redis, or else in the file revocations.json of its data folder.
	Revocation bool `json:"revocation,omitempty"`

	// Lockout refuses an address for a time after too many bad tokens from it.
	// Default: none.
	Lockout *lockout.Config `json:"lockout,omitempty"`

	verifier   *verifier
	trusts     []*trust
	challenges map[reason]*problem.Problem
	guard      *lockout.Guard
	revoked    *revocation.Copy
	release    func() error
	security   *security.Log
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_jwt", New: func() caddy.Module { return new(Handler) }}
}

// botgateApp is what the handler needs of the botgate app.
type botgateApp interface {
	Redis() redis.UniversalClient
	Settings() gateway.Settings
}

// Provision opens the keys.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := order.Verify(ctx); err != nil {
		return err
	}
	h.security = security.NewLog(ctx)
	h.setDefaults()
	if err := h.restrict(requestlog.Logger(ctx)); err != nil {
		return fmt.Errorf("bot_jwt: %w", err)
	}
	if err := h.openTrusts(requestlog.Logger(ctx)); err != nil {
		return fmt.Errorf("bot_jwt: %w", err)
	}
	users := namesOf(ctx)
	h.nameUsers(users, requestlog.Logger(ctx))
	var err error
	h.verifier, err = newVerifier(verifierConfig{
		Trusts: h.trusts, Scopes: h.RequireScopes, Require: h.requiredClaims(), WithoutExpiry: h.AllowNoExpiry,
		Leeway: time.Duration(*h.Leeway), UserClaim: h.UserClaim, BotClaim: h.BotClaim, MaxTokenSize: h.MaxTokenSize,
		CacheSize: max(0, h.CacheSize), Names: users, Now: time.Now,
	})
	if err != nil {
		return fmt.Errorf("bot_jwt: option cache_size: %w", err)
	}
	h.challenges = newChallenges(h.RequireScopes)
	if h.Lockout != nil || h.Revocation {
		shared, err := ctx.App("botgate")
		if err == nil {
			err = h.openShared(shared.(botgateApp), requestlog.Logger(ctx))
		}
		if err != nil {
			return fmt.Errorf("bot_jwt: %w", err)
		}
	}
	registry := ctx.GetMetricsRegistry()
	return errors.Join(jwks.Register(registry), metric.Register(registry, "bot_jwt", collectors...))
}

// openShared opens what is shared with other gateways.
func (h *Handler) openShared(shared botgateApp, logger *slog.Logger) error {
	client := shared.Redis()
	if h.Revocation {
		var err error
		path := filepath.Join(shared.Settings().Data, revocation.FileName)
		if h.revoked, h.release, err = acquireRevocations(client, path, logger); err != nil {
			return fmt.Errorf("option revocation: %w", err)
		}
	}
	if h.Lockout == nil {
		return nil
	}
	var err error
	if h.guard, err = lockout.Acquire("jwt", *h.Lockout, client, logger); err != nil {
		return fmt.Errorf("option lockout: %w", err)
	}
	return nil
}

// openTrusts opens the handler's own keys, if there are any, and those of each issuer.
func (h *Handler) openTrusts(logger *slog.Logger) error {
	if !h.isEmpty() || len(h.Trusts) == 0 {
		if err := h.openTrust(&h.IssuerConfig, h.Issuers, logger); err != nil {
			return err
		}
	} else if h.isBounded() {
		return errors.New("option issuer: scopes, claim and user_prefix stand in the block of an issuer: there are no keys beside the blocks")
	}
	for _, config := range h.Trusts {
		if err := h.openTrust(config, []string{config.Issuer}, logger); err != nil {
			return fmt.Errorf("issuer %s: %w", config.Issuer, err)
		}
	}
	return checkPrefixes(h.trusts)
}

func (h *Handler) openTrust(c *IssuerConfig, issuers []string, logger *slog.Logger) error {
	for i, algorithm := range c.Algorithms {
		c.Algorithms[i] = canonical(algorithm)
		if _, ok := algorithms[c.Algorithms[i]]; !ok {
			return fmt.Errorf("option algorithms: %w", errUnknownAlgorithm(algorithm))
		}
	}
	prefix := c.prefixOf(len(h.trusts) == 0)
	if err := c.checkBounds(prefix, h.BotClaim); err != nil {
		return err
	}
	keys, err := c.openKeys(logger)
	if err != nil {
		return err
	}
	h.trusts = append(h.trusts, &trust{
		Issuers: issuers, Audiences: c.audiences(), Scopes: c.Scopes, Claims: c.Claims, Prefix: prefix,
		Shared: c.UserPrefix == prefixOff, Keys: keys,
	})
	return nil
}

// Cleanup releases keys and files. Requests that still run under this configuration
// keep the keys that they have.
func (h *Handler) Cleanup() error {
	var errs []error
	for _, trust := range h.trusts {
		errs = append(errs, trust.Keys.Close())
	}
	if h.release != nil {
		errs = append(errs, h.release())
	}
	if h.guard != nil {
		errs = append(errs, h.guard.Release())
	}
	return errors.Join(errs...)
}

func (h *Handler) setDefaults() {
	if h.Leeway == nil {
		h.Leeway = new(caddy.Duration)
		*h.Leeway = caddy.Duration(defaultLeeway)
	}
	h.UserClaim = cmp.Or(h.UserClaim, defaultUserClaim)
	h.BotClaim = cmp.Or(h.BotClaim, defaultBotClaim)
	h.MaxTokenSize = cmp.Or(h.MaxTokenSize, defaultMaxTokenSize)
	h.CacheSize = cmp.Or(h.CacheSize, defaultCacheSize)
	if len(h.Sources) == 0 {
		h.Sources = []SourceConfig{{In: inHeader}}
	}
	for _, source := range h.Sources {
		if source.In == inQuery {
			redact.Parameter(source.Name)
		}
	}
}

// Validate checks the options.
func (h *Handler) Validate() error {
	if *h.Leeway < 0 {
		return errors.New("bot_jwt: option leeway: must not be negative")
	}
	for header := range h.ClaimHeaders {
		if http.CanonicalHeaderKey(header) == botclaim.Header {
			return fmt.Errorf("bot_jwt: option claim_header: %s is always sent; bot_claim says which claim names the bot", header)
		}
	}
	if h.MaxTokenSize < 0 {
		return errors.New("bot_jwt: option max_token_size: must be positive")
	}
	for _, scope := range h.RequireScopes {
		if scope == "" || strings.ContainsFunc(scope, notScopeChar) {
			return fmt.Errorf("bot_jwt: option require_scope: %q is not a scope (RFC 6749, section 3.3)", scope)
		}
	}
	for _, source := range h.Sources {
		if (source.In != inHeader && source.In != inCookie && source.In != inQuery) || (source.In == inHeader) != (source.Name == "") {
			return fmt.Errorf("bot_jwt: option from: %q is not header, cookie <name> or query <name>", strings.TrimSpace(source.In+" "+source.Name))
		}
	}
	return nil
}

// notScopeChar keeps scopes fit for the quoted list of a WWW-Authenticate header.
func notScopeChar(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
