package botapi

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/secret"
	"github.com/botgate/botgate/modules/internal/gateway"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// minSecret is the least length of the secret, in bytes; the backend has the same.
const minSecret = 16

// botgateApp is what the handler needs of the botgate app.
type botgateApp interface {
	Settings() gateway.Settings
}

// openSecret has requests show the backend the secret of the botgate app, if there is one.
func (h *Handler) openSecret(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("botgate")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bot_api: %w", err)
	}
	file := app.(botgateApp).Settings().APISecretFile
	if file == "" {
		return nil
	}
	if h.secret, err = followSecret(file, requestlog.Logger(ctx)); err != nil {
		return fmt.Errorf("bot_api: option api_secret_file of botgate: %w", err)
	}
	return nil
}

// followSecret reads the first line of the file, and again when it changes.
func followSecret(file string, logger *slog.Logger) (*reload.Value[string], error) {
	return reload.New(reload.Config[string]{What: "secret of the API", Files: []string{file}, Logger: logger, Load: func() (string, error) {
		content, err := secret.FromFile(file)
		if err != nil {
			return "", err
		}
		line, _, _ := bytes.Cut(content, []byte("\n"))
		if line = bytes.TrimSpace(line); len(line) < minSecret {
			return "", fmt.Errorf("%s: the secret must have at least %d bytes", file, minSecret)
		}
		return string(line), nil
	}})
}
