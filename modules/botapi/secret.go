package botapi

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

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
	plain, err := h.openTransport(ctx)
	if err != nil {
		return fmt.Errorf("bot_api: option transport: %w", err)
	}
	h.Transport = &carrier{plain, h.secret.Get}
	return nil
}

// openTransport makes the transport that reverse_proxy would make.
func (h *Handler) openTransport(ctx caddy.Context) (*reverseproxy.HTTPTransport, error) {
	if h.TransportRaw == nil {
		plain := new(reverseproxy.HTTPTransport)
		return plain, plain.Provision(ctx)
	}
	loaded, err := ctx.LoadModule(&h.Handler, "TransportRaw")
	if err != nil {
		return nil, err
	}
	h.TransportRaw = nil // Or it would be loaded again.
	plain, ok := loaded.(*reverseproxy.HTTPTransport)
	if !ok {
		return nil, errors.New("only http carries the secret of api_secret_file")
	}
	return plain, nil
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

// carrier sends the secret in the place of what the caller sent there. It does so behind whatever changes headers, and
// behind Caddy's log of requests to upstreams.
type carrier struct {
	*reverseproxy.HTTPTransport
	secret func() string
}

// RoundTrip implements [http.RoundTripper].
func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	carried := *r
	carried.Header = r.Header.Clone()
	carried.Header.Set("Authorization", "Bearer "+c.secret())
	return c.HTTPTransport.RoundTrip(&carried)
}
