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
	if err := option.Written(d, "origins", h.Origins...); err != nil {
		return err
	}
	return option.Block(d, "",
		option.List("methods", &h.Methods),
		option.List("headers", &h.Headers),
		option.List("expose_headers", &h.ExposeHeaders),
		option.Flag("credentials", &h.Credentials),
		option.Duration("max_age", &h.MaxAge, maxMaxAge),
	)
}
