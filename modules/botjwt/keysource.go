package botjwt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/modules/internal/jwks"
	"github.com/botgate/botgate/modules/internal/reload"
	"github.com/botgate/botgate/modules/internal/secret"
)

// ownKeys are in the configuration, in files and in environment variables.
type ownKeys struct{ *reload.Value[*KeySet] }

// Current implements [KeySource].
func (k ownKeys) Current(context.Context) (*KeySet, error) { return k.Get(), nil }

// Newer implements [KeySource]: changed files are noticed by themselves.
func (ownKeys) Newer(context.Context) (*KeySet, bool) { return nil, false }

// openKeys makes the source of a trust's keys and starts to follow it.
func (c *IssuerConfig) openKeys(logger *slog.Logger) (KeySource, error) {
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
		value, err := reload.New(reload.Config[*KeySet]{Files: c.files(), Logger: logger, Load: c.load})
		if err != nil {
			return nil, err
		}
		return ownKeys{value}, nil
	}
	return nil, errors.New("option key: at least one is required, or jwk_file, jwks or oidc")
}

func (c *IssuerConfig) openPublished(logger *slog.Logger) (KeySource, error) {
	config := jwks.Config{URL: c.JWKS, MaxStale: c.maxStale(), Logger: logger}
	option := "jwks"
	if c.OIDC {
		config.Issuer, option = c.Issuer, "oidc"
	}
	source, err := jwks.Follow(config, func(document *jwks.Document) (*KeySet, error) {
		var keys []Key
		for _, key := range document.Keys {
			keys = append(keys, fromJWK(key)...)
		}
		return NewKeySet(keys, c.Algorithms), nil
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
func (c *IssuerConfig) load() (*KeySet, error) {
	var keys []Key
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
		parsed, err := ParseJWK(raw)
		if err != nil {
			return nil, fmt.Errorf("option jwk_file: %s: %w", path, err)
		}
		keys = append(keys, parsed...)
	}
	set := NewKeySet(keys, c.Algorithms)
	if len(set.keys) == 0 {
		return nil, errors.New("option algorithms: no key is for any of them")
	}
	return set, nil
}

func (k KeyConfig) load() (Key, error) {
	var raw []byte
	var err error
	switch {
	case len(slices.DeleteFunc([]string{k.File, k.Env, k.Value}, func(s string) bool { return s == "" })) != 1:
		return Key{}, errors.New("exactly one of a file, an environment variable and a value must be named")
	case k.File != "":
		raw, err = secret.FromFile(k.File)
	case k.Env != "":
		raw, err = secret.FromEnv(k.Env)
	default:
		raw = []byte(caddy.NewReplacer().ReplaceKnown(k.Value, ""))
	}
	if err != nil {
		return Key{}, err
	}
	key, err := ParseKey(k.Algorithm, k.KID, raw)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", k.place(), err)
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
