package embedded

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("botgate_embedded", parseGlobalOption)
}

func parseGlobalOption(d *caddyfile.Dispenser, _ any) (any, error) {
	b := new(Backend)
	if err := b.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "botgate_embedded", Value: caddyconfig.JSON(b, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from the global option. Syntax:
//
//	botgate_embedded {
//		roles    record dispatch api | none
//		database <url>
//		listen   <address>
//	}
func (b *Backend) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		option := d.Val()
		if option == "roles" {
			b.Roles = append(b.Roles, d.RemainingArgs()...)
			if len(b.Roles) == 0 {
				return d.ArgErr()
			}
			continue
		}
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		switch option {
		case "database":
			b.DatabaseURL = value
		case "listen":
			b.Listen = value
		default:
			return d.Errf("unknown option %q; there are roles, database and listen", option)
		}
	}
	return nil
}
