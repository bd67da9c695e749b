package botlimit

import (
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_rate_limit", httpcaddyfile.After, "forward_auth")
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
		var err error
		switch name := d.Val(); name {
		case "zone":
			err = h.unmarshalZone(d)
		case "budget":
			h.Budget, err = option.Duration(d, time.Minute)
		default:
			err = d.Errf("unknown option %q; there are zone and budget", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) unmarshalZone(d *caddyfile.Dispenser) error {
	var zone Zone
	if !d.AllArgs(&zone.Name) {
		return d.ArgErr()
	}
	err := zone.unmarshal(d)
	h.Zones = append(h.Zones, zone)
	return err
}

func (z *Zone) unmarshal(d *caddyfile.Dispenser) error {
	for d.NextBlock(1) {
		name := d.Val()
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		switch name {
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
			return d.Errf("unknown option %q in zone; there are key, rate and burst", name)
		}
	}
	return nil
}
