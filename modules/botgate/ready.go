package botgate

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/option"
)

// readyTimeout bounds the question to the queue: probes are asked often and wait little.
const readyTimeout = time.Second

func init() {
	caddy.RegisterModule(&Ready{})
	option.Directive[Ready]("bot_ready", httpcaddyfile.Before, "respond")
}

// Ready answers readiness probes: 200 when the gateway can accept events, that is when
// the queue takes them or the spool before it, and 503 otherwise. Caddyfile: bot_ready.
type Ready struct{ app *App }

// CaddyModule returns the Caddy module information.
func (*Ready) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_ready", New: func() caddy.Module { return new(Ready) }}
}

// UnmarshalCaddyfile sets up the handler, which takes no options. Syntax:
//
//	bot_ready [<matcher>]
func (h *Ready) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() || d.NextBlock(0) {
		return d.ArgErr()
	}
	return nil
}

// Provision finds the app.
func (h *Ready) Provision(ctx caddy.Context) error {
	app, err := ctx.App("botgate")
	if err != nil {
		return fmt.Errorf("bot_ready: %w", err)
	}
	h.app = app.(*App)
	return nil
}

// ServeHTTP answers the probe.
func (h *Ready) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	status, body := http.StatusOK, `{"status":"ready","checks":{"queue":"ok"}}`
	switch err := h.app.Ready(ctx); {
	case err != nil:
		status, body = http.StatusServiceUnavailable, `{"status":"not ready","checks":{"queue":"unavailable"}}`
	case h.app.spooling():
		body = `{"status":"ready","checks":{"queue":"spooling"}}`
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(body))
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Ready)(nil)
	_ caddyhttp.MiddlewareHandler = (*Ready)(nil)
)
