// Package boterrors is the handler bot_log_errors: what failed behind the gateway is in its log.
package boterrors

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/option"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

func init() {
	caddy.RegisterModule(&Handler{})
	option.Directive[Handler]("bot_log_errors", httpcaddyfile.Before, "header")
}

// Handler is for handle_errors: it logs the errors of handlers with a status of 500 and above, such as a
// 502 of reverse_proxy, at WARN, and passes the request on. Caddy itself logs errors that handle_errors
// answers at DEBUG only. Caddyfile: bot_log_errors.
type Handler struct {
	logger  *slog.Logger
	sampler *requestlog.Sampler
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_log_errors", New: func() caddy.Module { return new(Handler) }}
}

// UnmarshalCaddyfile sets up the handler, which takes no options. Syntax:
//
//	bot_log_errors
func (*Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() || d.NextBlock(0) {
		return d.ArgErr()
	}
	return nil
}

// Provision sets up the log.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger, h.sampler = ctx.Slogger(), requestlog.NewSampler(time.Now)
	return nil
}

// ServeHTTP logs the error that the request ended with, and goes on with what answers it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if err, ok := r.Context().Value(caddyhttp.ErrorCtxKey).(error); ok {
		h.log(r, err)
	}
	return next.ServeHTTP(w, r)
}

func (h *Handler) log(r *http.Request, err error) {
	status, cause := http.StatusInternalServerError, err
	if handled := (caddyhttp.HandlerError{}); errors.As(err, &handled) {
		status, cause = handled.StatusCode, handled.Err
	}
	if status < http.StatusInternalServerError {
		return
	}
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	upstream, _ := repl.GetString("http.reverse_proxy.upstream.address")
	// An upstream's address may come from the request; a status is one of a few.
	suppressed, ok := h.sampler.Sample(strconv.Itoa(status))
	if !ok {
		return
	}
	attrs := append([]slog.Attr{slog.Int("status", status)}, requestlog.Attrs(r)...)
	if upstream != "" {
		attrs = append(attrs, slog.String("upstream", upstream))
	}
	if cause != nil {
		attrs = append(attrs, slog.String("error", requestlog.Printable(cause.Error())))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	h.logger.LogAttrs(r.Context(), slog.LevelWarn, "request failed behind the gateway", attrs...)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
