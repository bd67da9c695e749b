package botlimit

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("bot_rate_limit", parseCaddyfile)
	httpcaddyfile.RegisterDirectiveOrder("bot_rate_limit", httpcaddyfile.After, "forward_auth")
}

func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_rate_limit [<matcher>] {
//		zone <name> {
//			key   <key>
//			rate  <count>/<period>
//			burst <count>
//		}
//		budget <duration>
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		option := d.Val()
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		switch option {
		case "zone":
			zone := Zone{Name: value}
			if err := zone.unmarshal(d); err != nil {
				return err
			}
			h.Zones = append(h.Zones, zone)
		case "budget":
			budget, err := caddy.ParseDuration(value)
			if err != nil || budget <= 0 {
				return d.Errf("budget: %q is not a duration like 20ms", value)
			}
			h.Budget = caddy.Duration(budget)
		default:
			return d.Errf("unknown option %q; there are zone and budget", option)
		}
	}
	return nil
}

func (z *Zone) unmarshal(d *caddyfile.Dispenser) error {
	for d.NextBlock(1) {
		option := d.Val()
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		switch option {
		case "key":
			z.Key = value
		case "rate":
			rate, err := ParseRate(value)
			if err != nil {
				return d.Errf("rate: %v", err)
			}
			z.Rate = rate
		case "burst":
			burst, err := strconv.Atoi(value)
			if err != nil || burst < 1 {
				return d.Errf("burst: %q is not a count like 20", value)
			}
			z.Burst = burst
		default:
			return d.Errf("unknown option %q in zone; there are key, rate and burst", option)
		}
	}
	return nil
}
