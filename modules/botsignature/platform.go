package botsignature

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/restrict"
	"github.com/botgate/botgate/internal/secret"
)

// PlatformConfig says where the secrets of one platform are, and how it is set up. Each
// secret may sign. At least one is required, except of platforms that publish their keys.
type PlatformConfig struct {
	// Files hold one secret each, as [secret.FromFile] reads it. They are read again when
	// they change.
	Files []string `json:"secret_files,omitempty"`

	// Envs names environment variables with one secret each, read when the configuration
	// is loaded.
	Envs []string `json:"secret_envs,omitempty"`

	// Sender names the account at the platform whose secrets these are. Accounts do not share ids of
	// deliveries. Default: where the first secret is; for platforms that publish their keys, whom their
	// tokens are for.
	Sender string `json:"sender,omitempty"`

	// ReplayByBody says whether the same signed bytes are a repeat, whatever the unsigned headers say.
	// Default: yes, but for deliveries that can be equal by themselves.
	ReplayByBody *bool `json:"replay_by_body,omitempty"`

	// Options are the platform's own, by name; docs/reference/platforms lists them. Their values
	// may have the global placeholders, such as {env.NAME} and {file.PATH}.
	Options map[string]string `json:"options,omitempty"`
}

// open makes the sender and starts to follow its secrets.
func (c *PlatformConfig) open(name string, logger *slog.Logger) (*sender, error) {
	if c == nil {
		c = new(PlatformConfig)
	}
	if c.Sender != "" {
		if err := restrict.Text(c.Sender); err != nil {
			return nil, fmt.Errorf("option sender: %w", err)
		}
	}
	options, err := c.expanded()
	if err != nil {
		return nil, err
	}
	p, err := platform.New(name, options)
	if err != nil {
		return nil, err
	}
	if err := platform.CheckOptions(p); err != nil {
		return nil, err
	}
	if warning := platform.CheckHost(p); warning != nil {
		logger.Warn("signatures count for every host", slog.String("platform", name), slog.Any("error", warning))
	}
	keyed, published := p.(platform.Keyed)
	switch {
	case len(c.Files)+len(c.Envs) > 0:
		secrets, err := openSecrets(name, c, p, logger)
		return newSender(name, p, secrets, c), err
	case published:
		secrets, err := openKeySet(keyed.Keys(), p, logger)
		return newSender(name, p, secrets, c), err
	}
	return nil, errors.New("option secret_file or secret_env: at least one secret is required")
}

// expanded returns the options with their global placeholders replaced; others, which
// some options use for themselves, are left alone. What is in a file or a variable is read as a
// secret is there.
func (c *PlatformConfig) expanded() (map[string]string, error) {
	options := make(map[string]string, len(c.Options))
	repl := caddy.NewReplacer()
	for name, value := range c.Options {
		options[name] = repl.ReplaceKnown(value, "")
		if options[name] == value {
			continue
		}
		cleaned, err := secret.Clean([]byte(options[name]))
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", name, err)
		}
		options[name] = string(cleaned)
	}
	return options, nil
}
