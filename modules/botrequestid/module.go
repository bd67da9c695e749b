// Package botrequestid is the handler bot_request_id: each answer has the id of its request.
package botrequestid

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/requestid"
	"github.com/botgate/botgate/modules/internal/option"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

func init() {
	caddy.RegisterModule(&Handler{})
	option.Directive[Handler]("bot_request_id", httpcaddyfile.Before, "tracing")
}

// Handler answers the request's id in the header X-Request-Id, and puts it there for whatever the request is
// passed on to. The id is the caller's only where a trusted proxy of the server sends a valid one, and else is
// made. It stands before all other handlers of a site, so that refusals and errors have it, too.
type Handler struct{}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_request_id", New: func() caddy.Module { return new(Handler) }}
}

// UnmarshalCaddyfile sets up the handler, which has no options. Syntax:
//
//	bot_request_id [<matcher>]
func (*Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() || d.NextBlock(0) {
		return d.ArgErr()
	}
	return nil
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (*Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	id := requestlog.ID(r)
	requestlog.Annotate(r, "request_id", id)
	values := []string{id, id} // Of both headers, in one allocation.
	w.Header()[requestid.Header], r.Header[requestid.Header] = values[:1:1], values[1:]
	return next.ServeHTTP(w, r)
}

// Interface guards.
var (
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
