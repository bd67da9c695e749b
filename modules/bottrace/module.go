// Package bottrace is the handler bot_trace: the span of a request in the gateway.
package bottrace

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

func init() {
	caddy.RegisterModule(&Handler{})
	httpcaddyfile.RegisterDirective("bot_trace", parse)
	httpcaddyfile.RegisterDirectiveOrder("bot_trace", httpcaddyfile.Before, "tracing")
}

// parse makes no handler where the environment asks for no traces: nothing is in the path of requests then.
func parse(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next()
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	handler := new(Handler)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil || !tracing.Configured() {
		return nil, err
	}
	return h.NewRoute(matchers, handler), nil
}

// Handler makes a span of each request, which others in the process add to. It does nothing where the environment
// asks for no traces. The header traceparent of a request names its parent where a proxy of trusted_proxies sent it;
// anybody else's is linked, so that strangers do not decide what is sampled. Upstreams get the span's. Caddyfile:
// bot_trace.
type Handler struct {
	// Route is the route's template, such as /v1/bots/{bot}/commands, which names the span. It holds nothing of the
	// request. Default: the method alone names it.
	Route string `json:"route,omitempty"`

	tracer trace.Tracer // Nil for none.
}

// botgateApp is what the handler needs of the botgate app.
type botgateApp interface {
	// Tracer returns nil where the environment asks for no traces.
	Tracer() trace.Tracer
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_trace", New: func() caddy.Module { return new(Handler) }}
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_trace [<matcher>] [<route>]
//
// A route that begins with / is taken for a matcher where it is the only argument: put * before it.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		h.Route = d.Val()
	}
	if d.NextArg() || d.NextBlock(0) {
		return d.ArgErr()
	}
	return nil
}

// Provision finds the tracer.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.App("botgate")
	if err != nil {
		return fmt.Errorf("bot_trace: %w", err)
	}
	h.tracer = app.(botgateApp).Tracer()
	return nil
}

// Validate checks the route.
func (h *Handler) Validate() error {
	if h.Route != "" && !strings.HasPrefix(h.Route, "/") {
		return fmt.Errorf("bot_trace: route %q must begin with /", h.Route)
	}
	return nil
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.tracer == nil {
		return next.ServeHTTP(w, r)
	}
	served := tracing.Serve(h.tracer, r, h.Route, requestlog.FromTrustedProxy(r))
	defer served.End()
	requestlog.AnnotateSpan(served.Request)
	err := next.ServeHTTP(served.Writer(w), served.Request)
	if err != nil { // handle_errors answers it later.
		status := http.StatusInternalServerError
		if handled := (caddyhttp.HandlerError{}); errors.As(err, &handled) && handled.StatusCode != 0 {
			status = handled.StatusCode
		}
		served.Answered(status)
	}
	return err
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
