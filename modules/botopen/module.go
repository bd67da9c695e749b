// Package botopen is the handler bot_open: it says that what follows is for everybody.
package botopen

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/option"
	"github.com/botgate/botgate/modules/internal/order"
)

func init() {
	caddy.RegisterModule(&Handler{})
	option.Directive[Handler]("bot_open", httpcaddyfile.Before, "basic_auth")
}

// Handler lets every request pass. It stands before a reverse_proxy that everybody may ask, and is why
// the configuration is not refused, or warned about, for want of a check there.
type Handler struct{}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bot_open", New: func() caddy.Module { return new(Handler) }}
}

// UnmarshalCaddyfile sets up the handler, which has no options. Syntax:
//
//	bot_open [<matcher>]
func (*Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() || d.NextBlock(0) {
		return d.ArgErr()
	}
	return nil
}

// Provision looks at the order of the routes.
func (*Handler) Provision(ctx caddy.Context) error { return order.Verify(ctx) }

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (*Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
