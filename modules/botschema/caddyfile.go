package botschema

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_schema", httpcaddyfile.After, "request_header")
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
		var err error
		switch name := d.Val(); name {
		case "folder":
			if !d.AllArgs(&h.Folder) {
				err = d.ArgErr()
			}
		case "max_size":
			h.MaxSize, err = option.Size(d, option.MaxSize)
		default:
			err = d.Errf("unknown option %q; there are folder and max_size", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
