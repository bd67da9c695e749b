package botschema

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("bot_schema", parseCaddyfile)
	httpcaddyfile.RegisterDirectiveOrder("bot_schema", httpcaddyfile.After, "request_header")
}

func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_schema [<matcher>] <schema> {
//		folder   <path>
//		max_size <size>
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.AllArgs(&h.Schema) {
		return d.Err("bot_schema takes one schema, for example command.v1.json")
	}
	for d.NextBlock(0) {
		option := d.Val()
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		switch option {
		case "folder":
			h.Folder = value
		case "max_size":
			size, err := humanize.ParseBytes(value)
			if err != nil || size == 0 || size > 1<<40 {
				return d.Errf("max_size: %q is not a size like 1MB", value)
			}
			h.MaxSize = int64(size)
		default:
			return d.Errf("unknown option %q; there are folder and max_size", option)
		}
	}
	return nil
}
