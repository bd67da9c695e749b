package botcors

import (
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
)

// maxMaxAge is more than any browser remembers.
const maxMaxAge = 7 * 24 * time.Hour

func init() {
	option.Directive[Handler]("bot_cors", httpcaddyfile.Before, "redir")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_cors [<matcher>] <origin...> {
//		methods        <method...>
//		headers        <header...>
//		expose_headers <header...>
//		credentials
//		max_age        <duration>
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	h.Origins = d.RemainingArgs()
	for d.NextBlock(0) {
		var err error
		switch name := d.Val(); name {
		case "methods":
			h.Methods, err = option.List(d)
		case "headers":
			h.Headers, err = option.List(d)
		case "expose_headers":
			h.ExposeHeaders, err = option.List(d)
		case "credentials":
			if h.Credentials = true; d.NextArg() {
				err = d.ArgErr()
			}
		case "max_age":
			h.MaxAge, err = option.Duration(d, maxMaxAge)
		default:
			err = d.Errf("unknown option %q; there are methods, headers, expose_headers, credentials and max_age", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
