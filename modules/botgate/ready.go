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

	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/internal/version"
	"github.com/botgate/botgate/modules/internal/option"
)

// readyTimeout bounds the question to the queue: probes are asked often and wait little.
const readyTimeout = time.Second

func init() {
	caddy.RegisterModule(&Ready{})
	option.Directive[Ready]("bot_ready", httpcaddyfile.Before, "respond")
}

// Ready answers readiness probes: 200 when the gateway can accept events, that is when
// the queue takes them or the spool before it, and 503 otherwise, and from the begin of Caddy's
// shutdown_delay on. Caddyfile: bot_ready.
type Ready struct {
	// Self leaves out what other services can do: a broker that is away would otherwise take all gateways
	// out of use at once, and senders then get no answer in place of a 503 that has them send again.
	Self bool `json:"self,omitempty"`

	app *App
}

// CaddyModule returns the Caddy module information.
func (*Ready) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_ready", New: func() caddy.Module { return new(Ready) }}
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_ready [<matcher>] [self]
func (h *Ready) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		if h.Self = d.Val() == "self"; !h.Self {
			return d.Errf("bot_ready takes nothing but self, and not %q", d.Val())
		}
	}
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
	status, body := h.judge(r)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(body))
	return nil
}

// judge returns the status and the body of the answer.
func (h *Ready) judge(r *http.Request) (int, string) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		if stopping, _ := repl.GetString("http.shutting_down"); stopping == "true" {
			return http.StatusServiceUnavailable, `{"status":"stopping"}`
		}
	}
	if h.Self {
		return http.StatusOK, `{"status":"ready"}`
	}
	switch status, queue := h.app.state(r.Context()); {
	case status != statusReady:
		return http.StatusServiceUnavailable, `{"status":"not ready","checks":{"queue":"unavailable"}}`
	case queue == queueSpooling:
		return http.StatusOK, `{"status":"ready","checks":{"queue":"spooling"}}`
	}
	return http.StatusOK, `{"status":"ready","checks":{"queue":"ok"}}`
}

// The states of a gateway, and of its queue.
const (
	statusReady, statusNotReady              = "ready", "not ready"
	queueOK, queueSpooling, queueUnavailable = "ok", "spooling", "unavailable"
)

// state says how the gateway does, and its queue.
func (a *App) state(ctx context.Context) (status, queue string) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	switch err := a.Ready(ctx); {
	case err != nil:
		return statusNotReady, queueUnavailable
	case a.spooling():
		return statusReady, queueSpooling
	}
	return statusReady, queueOK
}

// process is what the backend is told of the gateway.
func (a *App) process(ctx context.Context) *report.Process {
	status, queue := a.state(ctx)
	return &report.Process{
		Service: "botgate", Version: version.Number(), StartedAt: a.refusals.Begun(), Status: status, Checks: map[string]string{"queue": queue},
	}
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Ready)(nil)
	_ caddyhttp.MiddlewareHandler = (*Ready)(nil)
)
