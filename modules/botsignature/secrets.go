package botsignature

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/secret"
	"github.com/botgate/botgate/modules/internal/jwks"
)

// secretSource has the secrets that a platform may sign with at present.
type secretSource interface {
	// Secrets returns them, or an error while none could be had.
	Secrets(ctx context.Context) ([]platform.Secret, error)
	// Newest returns those of this very time, when a request was signed with a key that is not among those
	// of Secrets, or an error when it could not be found out which they are.
	Newest(ctx context.Context) ([]platform.Secret, error)
	// Close releases files and connections; the last secrets stay.
	Close() error
}

// ownSecrets are shared with the platform, in files and environment variables.
type ownSecrets struct {
	*reload.Value[[]platform.Secret]
}

func openSecrets(name string, c *PlatformConfig, p platform.Platform, logger *slog.Logger) (secretSource, error) {
	value, err := reload.New(reload.Config[[]platform.Secret]{
		What:  "secrets of bot_signature",
		Files: c.Files, Logger: logger,
		Load: func() ([]platform.Secret, error) { return c.load(name, p, logger) },
	})
	if err != nil {
		return nil, err
	}
	return ownSecrets{value}, nil
}

// Secrets implements [secretSource].
func (s ownSecrets) Secrets(context.Context) ([]platform.Secret, error) { return s.Get(), nil }

// Newest implements [secretSource]: changed files are noticed by themselves.
func (s ownSecrets) Newest(context.Context) ([]platform.Secret, error) { return s.Get(), nil }

func (c *PlatformConfig) load(name string, p platform.Platform, logger *slog.Logger) ([]platform.Secret, error) {
	var loaded []platform.Secret
	for _, source := range []struct {
		option string
		places []string
		read   func(string) ([]byte, error)
	}{
		{"secret_file", c.Files, secret.FromFile},
		{"secret_env", c.Envs, secret.FromEnv},
	} {
		for _, place := range source.places {
			raw, err := source.read(place)
			if err != nil {
				return nil, fmt.Errorf("option %s: %w", source.option, err)
			}
			parsed, err := parseSecret(name, p, raw, logger.With("option", source.option, "place", place))
			if err != nil {
				return nil, fmt.Errorf("option %s: %s: %w", source.option, place, err)
			}
			loaded = append(loaded, parsed)
		}
	}
	return loaded, nil
}

// parseSecret reads a secret and looks at its size.
func parseSecret(name string, p platform.Platform, raw []byte, logger *slog.Logger) (platform.Secret, error) {
	parsed, err := p.ParseSecret(raw)
	if err != nil {
		return parsed, err
	}
	warning, err := platform.CheckSize(name, p, parsed)
	if warning != nil {
		logger.Warn("a secret is short", slog.Any("error", warning))
	}
	return parsed, err
}

// publishedKeys are those of a platform that signs with keys of its own.
type publishedKeys struct {
	*jwks.Parsed[[]platform.Secret]
}

func openKeySet(at platform.KeySource, p platform.Platform, logger *slog.Logger) (secretSource, error) {
	parsed, err := jwks.Follow(jwks.Config{URL: at.JWKS, MetadataURL: at.Metadata, Logger: logger},
		func(document *jwks.Document) ([]platform.Secret, error) {
			secret, err := p.ParseSecret(document.Raw)
			return []platform.Secret{secret}, err
		})
	if err != nil {
		return nil, err
	}
	return publishedKeys{parsed}, nil
}

// Secrets implements [secretSource].
func (k publishedKeys) Secrets(ctx context.Context) ([]platform.Secret, error) { return k.Current(ctx) }
