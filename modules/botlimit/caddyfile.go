package botlimit

import (
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_rate_limit", httpcaddyfile.After, "forward_auth")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_rate_limit [<matcher>] {
//		zone <name> {
//			key           <key>
//			rate          <count>/<period>
//			burst         <count>
//			plan          <placeholder> {
//				<name> <count>/<period> [<burst>]
//			}
//			cost          <count>|<placeholder>
//			lease         <count>
//			max_in_flight <count>
//			exempt        <key>|<range>...
//		}
//		budget         <duration>
//		on_store_error local [<share>]|allow|deny
//		over_limit     reject|defer
//		max_delay      <duration>
//		ipv6_prefix    <bits>
//		legacy_headers
//		dry_run
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if err := h.unmarshalOption(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) unmarshalOption(d *caddyfile.Dispenser) (err error) {
	switch name := d.Val(); name {
	case "zone":
		return h.unmarshalZone(d)
	case "budget":
		h.Budget, err = option.PositiveDuration(d, time.Minute)
	case "on_store_error":
		return h.unmarshalOnStoreError(d)
	case "over_limit":
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		h.OverLimit = OverLimit(value)
	case "max_delay":
		h.MaxDelay, err = option.PositiveDuration(d, maxMaxDelay)
	case "ipv6_prefix":
		h.IPv6Prefix, err = count(d)
	case "legacy_headers":
		return flag(d, &h.LegacyHeaders)
	case "dry_run":
		return flag(d, &h.DryRun)
	default:
		err = d.Errf("unknown option %q; there are zone, budget, on_store_error, over_limit, max_delay, ipv6_prefix, legacy_headers and dry_run", name)
	}
	return err
}

func (h *Handler) unmarshalOnStoreError(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 || (len(args) == 2 && args[0] != string(limit.Local)) {
		return d.ArgErr()
	}
	h.OnStoreError = limit.OnError(args[0])
	if len(args) == 1 {
		return nil
	}
	text, percent := strings.CutSuffix(args[1], "%")
	share, err := strconv.ParseFloat(text, 64)
	if percent {
		share /= 100
	}
	if err != nil || share <= 0 || share > 1 {
		return d.Errf("on_store_error: %q is not a share like 0.5 or 50%%", args[1])
	}
	h.LocalShare = share
	return nil
}

func (h *Handler) unmarshalZone(d *caddyfile.Dispenser) error {
	var zone Zone
	if !d.AllArgs(&zone.Name) {
		return d.ArgErr()
	}
	for d.NextBlock(1) {
		if err := zone.unmarshalOption(d); err != nil {
			return err
		}
	}
	h.Zones = append(h.Zones, zone)
	return nil
}

func (z *Zone) unmarshalOption(d *caddyfile.Dispenser) (err error) {
	switch name := d.Val(); name {
	case "key", "cost":
		text := map[string]*string{"key": &z.Key, "cost": &z.Cost}[name]
		if !d.AllArgs(text) {
			return d.ArgErr()
		}
	case "rate":
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		if z.Rate, err = ParseRate(value); err != nil {
			return d.Errf("rate: %v", err)
		}
	case "burst":
		z.Burst, err = count(d)
	case "lease":
		z.Lease, err = count(d)
	case "max_in_flight":
		z.MaxInFlight, err = count(d)
	case "plan":
		return z.unmarshalPlans(d)
	case "exempt":
		var exempt []string
		exempt, err = option.List(d)
		z.Exempt = append(z.Exempt, exempt...)
	default:
		err = d.Errf("unknown option %q in zone; there are key, rate, burst, plan, cost, lease, max_in_flight and exempt", name)
	}
	return err
}

func (z *Zone) unmarshalPlans(d *caddyfile.Dispenser) error {
	if !d.AllArgs(&z.Plan) {
		return d.ArgErr()
	}
	z.Plans = make(map[string]Plan)
	for d.NextBlock(2) {
		name, args := d.Val(), d.RemainingArgs()
		if len(args) != 1 && len(args) != 2 {
			return d.ArgErr()
		}
		rate, err := ParseRate(args[0])
		if err != nil {
			return d.Errf("plan %s: rate: %v", name, err)
		}
		plan := Plan{Rate: rate}
		if len(args) == 2 {
			if plan.Burst, err = strconv.Atoi(args[1]); err != nil || plan.Burst < 1 {
				return d.Errf("plan %s: burst: %q is not a count like 20", name, args[1])
			}
		}
		z.Plans[name] = plan
	}
	return nil
}

// count reads the value of the current option, a number from 1.
func count(d *caddyfile.Dispenser) (int, error) {
	name := d.Val()
	var value string
	if !d.AllArgs(&value) {
		return 0, d.ArgErr()
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, d.Errf("%s: %q is not a count like 20", name, value)
	}
	return n, nil
}

// flag sets an option that has no value.
func flag(d *caddyfile.Dispenser, on *bool) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	*on = true
	return nil
}
