// Package bottoken is the handler bot_token: it issues short-lived tokens to clients that
// prove who they are with a secret, for those who have no identity provider.
package bottoken

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/modules/internal/gateway"
	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/placeholder"
	"github.com/botgate/botgate/modules/internal/requestlog"
	"github.com/botgate/botgate/modules/internal/security"
)

// Defaults of the options.
const (
	defaultTTL     = 10 * time.Minute
	defaultRotate  = 720 * time.Hour
	defaultOverlap = time.Hour
)

// Limits of the options.
const (
	maxTTL     = 24 * time.Hour
	minOverlap = time.Minute
	maxOverlap = 7 * 24 * time.Hour
	maxRotate  = 366 * 24 * time.Hour
)

// maxKeysAge is how long public keys are kept by caches at most.
const maxKeysAge = 15 * time.Minute

func init() {
	caddy.RegisterModule(&Handler{})
}

// Handler is an OAuth 2.0 token endpoint for the grant client_credentials (RFC 6749,
// section 4.4). It answers POST on any path with a token, and GET and HEAD on
// /.well-known/jwks.json with the keys that verify it (RFC 7517).
//
// Tokens are JSON Web Tokens (RFC 9068), signed with Ed25519 (EdDSA, RFC 8037). The keys
// are made at the first start and rotated; processes may share their folder.
//
// It sets the placeholder {http.auth.user.id} to the subject of a client that proved who
// it is.
type Handler struct {
	// Issuer is the claim "iss" of the tokens. Required.
	Issuer string `json:"issuer,omitempty"`

	// Audiences are the claim "aud" of the tokens. At least one is required.
	Audiences []string `json:"audiences,omitempty"`

	// ClientsFile has the clients, see docs/reference/bot_token.md. It is read again when it
	// changes. Required.
	ClientsFile string `json:"clients_file,omitempty"`

	// Folder has the keys: private.json, which only its owner may read, and jwks.json.
	// Default: token in the data folder of the global option botgate.
	Folder string `json:"folder,omitempty"`

	// TTL is how long a token is valid: from 1s to 24h. Default: 10m.
	TTL caddy.Duration `json:"ttl,omitempty"`

	// Rotate is how long a key signs: at least TTL and Overlap together. Default: 720h.
	Rotate caddy.Duration `json:"rotate,omitempty"`

	// Overlap is how long a key is published before it signs, and after its last token
	// has expired: from 1m to 168h. Default: 1h.
	Overlap caddy.Duration `json:"overlap,omitempty"`

	// Lockout refuses, for a time, an address that failed too often as one client, or
	// five times as often altogether. Default: 10 failures in 1m, for 15m.
	Lockout *lockout.Config `json:"lockout,omitempty"`

	issuer    issuer
	clients   *reload.Value[*directory]
	keys      *keyring
	lockouts  *lockouts
	hashes    *hashLimit
	security  *security.Log
	cacheKeys string
	minCost   int
	release   []func() error
}

// botgateApp is what the handler needs of the botgate app.
type botgateApp interface {
	// Redis returns nil where none is configured.
	Redis() redis.UniversalClient
	Settings() gateway.Settings
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_token", New: func() caddy.Module { return new(Handler) }}
}

// Provision reads the clients, and reads or makes the keys. The keys are made this early
// since a bot_jwt further down reads them when it is provisioned.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.security = security.NewLog(ctx)
	h.setDefaults()
	if err := errors.Join(h.expand(), h.check()); err != nil {
		return fmt.Errorf("bot_token: %w", err)
	}
	h.prepare()
	app, err := ctx.App("botgate")
	if err != nil {
		return fmt.Errorf("bot_token: %w", err)
	}
	shared := app.(botgateApp)
	if h.Folder == "" {
		h.Folder = filepath.Join(shared.Settings().Data, "token")
	}
	if err := h.acquire(ctx, shared.Redis()); err != nil {
		return fmt.Errorf("bot_token: %w", err)
	}
	return metric.Register(ctx.GetMetricsRegistry(), "bot_token", collectors...)
}

func (h *Handler) setDefaults() {
	h.TTL = cmp.Or(h.TTL, caddy.Duration(defaultTTL))
	h.Rotate = cmp.Or(h.Rotate, caddy.Duration(defaultRotate))
	h.Overlap = cmp.Or(h.Overlap, caddy.Duration(defaultOverlap))
	if h.Lockout == nil {
		h.Lockout = &lockout.Config{
			Failures: 10, Window: caddy.Duration(time.Minute), Duration: caddy.Duration(15 * time.Minute),
		}
	}
	h.minCost = cmp.Or(h.minCost, leastCost)
}

// prepare makes what follows from the options.
func (h *Handler) prepare() {
	h.issuer = issuer{name: h.Issuer, audiences: h.Audiences, ttl: time.Duration(h.TTL)}
	// A cached key set is renewed well within the time that a new key does not sign.
	age := min(maxKeysAge, time.Duration(h.Overlap)/4)
	h.cacheKeys = fmt.Sprintf("public, max-age=%d", age/time.Second)
}

// expand replaces the placeholders of options that say for whom tokens are, and where clients and keys are.
func (h *Handler) expand() error {
	if h.Issuer != "" {
		if err := placeholder.Expand("issuer", &h.Issuer); err != nil {
			return err
		}
	}
	return errors.Join(
		placeholder.ExpandAll("audience", h.Audiences),
		placeholder.ExpandAddress("clients_file", &h.ClientsFile),
		placeholder.ExpandAddress("folder", &h.Folder),
	)
}

// check checks the options before anything is made of them.
func (h *Handler) check() error {
	ttl, rotate, overlap := time.Duration(h.TTL), time.Duration(h.Rotate), time.Duration(h.Overlap)
	switch {
	case h.Issuer == "":
		return errors.New("option issuer: it is required")
	case len(h.Audiences) == 0:
		return errors.New("option audience: at least one is required")
	case h.ClientsFile == "":
		return errors.New("option clients_file: it is required")
	case ttl < time.Second || ttl > maxTTL:
		return fmt.Errorf("option ttl: must be from 1s to %s", maxTTL)
	case overlap < minOverlap || overlap > maxOverlap:
		return fmt.Errorf("option overlap: must be from %s to %s", minOverlap, maxOverlap)
	case rotate < ttl+overlap || rotate > maxRotate:
		return fmt.Errorf("option rotate: must be from %s (ttl and overlap together) to %s", ttl+overlap, maxRotate)
	}
	return nil
}

// acquire acquires what the handler uses; release has what gives it back.
func (h *Handler) acquire(ctx caddy.Context, client redis.UniversalClient) (err error) {
	logger := requestlog.Logger(ctx)
	h.clients, err = reload.New(reload.Config[*directory]{
		What:  "clients of bot_token",
		Files: []string{h.ClientsFile}, Logger: logger,
		Load: func() (*directory, error) { return readClients(h.ClientsFile, h.minCost) },
	})
	if err != nil {
		return fmt.Errorf("option clients_file: %w", err)
	}
	h.release = append(h.release, h.clients.Close)
	if h.lockouts, err = acquireLockouts(*h.Lockout, client, logger); err != nil {
		return fmt.Errorf("option lockout: %w", err)
	}
	h.release = append(h.release, h.lockouts.release)
	h.hashes = processLimit()
	s := schedule{rotate: time.Duration(h.Rotate), overlap: time.Duration(h.Overlap), ttl: time.Duration(h.TTL)}
	if h.keys, err = openKeyring(ctx, h.Folder, s, logger); err != nil {
		return fmt.Errorf("option folder: %w", err)
	}
	h.release = append(h.release, h.keys.Close)
	return nil
}

// Cleanup releases files, counters and keys. Requests that still run under this
// configuration keep what was read last.
func (h *Handler) Cleanup() error {
	var errs []error
	for _, release := range h.release {
		errs = append(errs, release())
	}
	h.release = nil
	return errors.Join(errs...)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
