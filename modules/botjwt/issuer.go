package botjwt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/secret"
	"github.com/botgate/botgate/modules/internal/jwks"
	"github.com/botgate/botgate/modules/internal/placeholder"
)

// IssuerConfig is who issues tokens, for whom, and where the keys are: Keys and JWKFiles,
// or JWKS, or OIDC.
type IssuerConfig struct {
	// Issuer is the value of the claim "iss". Required in Trusts; unused elsewhere.
	Issuer string `json:"issuer,omitempty"`

	// Audiences must share a value with the claim "aud". Default: any; with JWKS and OIDC at least one
	// is required, and "any", alone, is any.
	Audiences []string `json:"audiences,omitempty"`

	// Keys verify the tokens; each serves its own algorithm only.
	Keys []KeyConfig `json:"keys,omitempty"`

	// JWKFiles hold JSON Web Keys or sets of them, and are read again when they change.
	JWKFiles []string `json:"jwk_files,omitempty"`

	// JWKS is the https address of a JSON Web Key Set.
	JWKS string `json:"jwks,omitempty"`

	// OIDC finds the key set through the issuer's OpenID metadata.
	OIDC bool `json:"oidc,omitempty"`

	// MaxStale is how long fetched keys are used that can't be fetched again. Default: 24h.
	MaxStale caddy.Duration `json:"max_stale,omitempty"`

	// Algorithms are the allowed ones. Default: those that the keys fit.
	Algorithms []string `json:"algorithms,omitempty"`

	// Scopes are those that its tokens can have; others in them do not count. Default: any.
	Scopes []string `json:"scopes,omitempty"`

	// Claims have these values in all of its tokens: one that lacks the claim counts as having
	// it, and one with another value is refused. Default: none.
	Claims map[string]string `json:"claims,omitempty"`

	// UserPrefix is what the names of its users begin with, so that they are no other issuer's;
	// "off" says that they are those without a prefix. Default: none for the first issuer, which
	// is that of the handler's own keys where it has any; for others the issuer and "|".
	UserPrefix string `json:"user_prefix,omitempty"`
}

// isEmpty reports whether nothing is configured.
func (c *IssuerConfig) isEmpty() bool {
	return len(c.Keys)+len(c.JWKFiles) == 0 && c.JWKS == "" && !c.OIDC
}

// KeyConfig says where a key is. Exactly one of File, Env and Value is set.
type KeyConfig struct {
	// Algorithm is one of [Algorithms].
	Algorithm string `json:"algorithm,omitempty"`

	// File holds the key: see [parseKey] and [secret.Clean]. It is read again when it
	// changes.
	File string `json:"file,omitempty"`

	// Env names an environment variable with the key instead.
	Env string `json:"env,omitempty"`

	// Value is the key itself; it may have global placeholders.
	Value string `json:"value,omitempty"`

	// KID is the key id. Default: none, the key fits every token of its algorithm.
	KID string `json:"kid,omitempty"`
}

// ownKeys are in the configuration, in files and in environment variables.
type ownKeys struct{ *reload.Value[*keySet] }

// Current implements [keySource].
func (k ownKeys) Current(context.Context) (*keySet, error) { return k.Get(), nil }

// Newest implements [keySource]: changed files are noticed by themselves.
func (k ownKeys) Newest(context.Context) (*keySet, error) { return k.Get(), nil }

// openKeys makes the source of a trust's keys and starts to follow it.
func (c *IssuerConfig) openKeys(logger *slog.Logger) (keySource, error) {
	published := c.JWKS != "" || c.OIDC
	own := len(c.Keys)+len(c.JWKFiles) > 0
	switch {
	case c.JWKS != "" && c.OIDC:
		return nil, errors.New("option oidc: jwks is set too")
	case published && own:
		return nil, errors.New("option key: jwks or oidc is set too; keys of another kind need an issuer block of their own")
	case published:
		return c.openPublished(logger)
	case own:
		value, err := reload.New(reload.Config[*keySet]{What: "keys of bot_jwt", Files: c.files(), Logger: logger, Load: c.load})
		if err != nil {
			return nil, err
		}
		return ownKeys{value}, nil
	}
	return nil, errors.New("option key: at least one is required, or jwk_file, jwks or oidc")
}

func (c *IssuerConfig) openPublished(logger *slog.Logger) (keySource, error) {
	config := jwks.Config{URL: c.JWKS, MaxStale: time.Duration(c.MaxStale), Logger: logger}
	option := "jwks"
	if c.OIDC {
		config.Issuer, option = c.Issuer, "oidc"
	}
	source, err := jwks.Follow(config, func(document *jwks.Document) (*keySet, error) {
		var keys []verificationKey
		for _, key := range document.Keys {
			keys = append(keys, fromJWK(key)...)
		}
		return newKeySet(keys, c.Algorithms), nil
	})
	if err != nil {
		return nil, fmt.Errorf("option %s: %w", option, err)
	}
	return source, nil
}

func (c *IssuerConfig) files() []string {
	files := slices.Clone(c.JWKFiles)
	for _, key := range c.Keys {
		if key.File != "" {
			files = append(files, key.File)
		}
	}
	return files
}

// load reads all keys. It fails when one of them can't be used.
func (c *IssuerConfig) load() (*keySet, error) {
	var keys []verificationKey
	for _, config := range c.Keys {
		key, err := config.load()
		if err != nil {
			return nil, fmt.Errorf("option key: %w", err)
		}
		keys = append(keys, key)
	}
	for _, path := range c.JWKFiles {
		raw, err := secret.FromFile(path)
		if err != nil {
			return nil, fmt.Errorf("option jwk_file: %w", err)
		}
		parsed, err := parseJWKs(raw)
		if err != nil {
			return nil, fmt.Errorf("option jwk_file: %s: %w", path, err)
		}
		keys = append(keys, parsed...)
	}
	set := newKeySet(keys, c.Algorithms)
	if len(set.keys) == 0 {
		return nil, errors.New("option algorithms: no key is for any of them")
	}
	return set, nil
}

func (k KeyConfig) load() (verificationKey, error) {
	var raw []byte
	var err error
	switch {
	case len(slices.DeleteFunc([]string{k.File, k.Env, k.Value}, func(s string) bool { return s == "" })) != 1:
		return verificationKey{}, errors.New("exactly one of a file, an environment variable and a value must be named")
	case k.File != "":
		raw, err = secret.FromFile(k.File)
	case k.Env != "":
		raw, err = secret.FromEnv(k.Env)
	default:
		raw, err = placeholder.ExpandSecret(k.Value)
	}
	if err != nil {
		return verificationKey{}, err
	}
	key, err := parseKey(k.Algorithm, k.KID, raw)
	if err != nil {
		return verificationKey{}, fmt.Errorf("%s: %w", k.place(), err)
	}
	return key, nil
}

// place names where the key is, and never the key.
func (k KeyConfig) place() string {
	if k.Value != "" {
		return "value"
	}
	return k.File + k.Env
}
