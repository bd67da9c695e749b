package botlimit

import (
	"slices"
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
	// The same handler, in front of whatever finds out who sends.
	option.Directive[Handler]("bot_address_limit", httpcaddyfile.Before, "redir")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_rate_limit|bot_address_limit [<matcher>] {
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
	return option.Options(d,
		option.Func("zone", h.unmarshalZone),
		option.PositiveDuration("budget", &h.Budget, time.Minute),
		option.Func("on_store_error", h.unmarshalOnStoreError),
		option.Text("over_limit", &h.OverLimit),
		option.PositiveDuration("max_delay", &h.MaxDelay, maxMaxDelay),
		option.Count("ipv6_prefix", &h.IPv6Prefix),
		option.Flag("legacy_headers", &h.LegacyHeaders),
		option.Flag("dry_run", &h.DryRun),
	)
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
	var z Zone
	if !d.AllArgs(&z.Name) {
		return d.ArgErr()
	}
	err := option.Block(d, "in zone",
		option.Text("key", &z.Key),
		option.Func("rate", z.unmarshalRate),
		option.Count("burst", &z.Burst),
		option.Func("plan", z.unmarshalPlans),
		option.Text("cost", &z.Cost),
		option.Count("lease", &z.Lease),
		option.Count("max_in_flight", &z.MaxInFlight),
		option.Func("exempt", z.unmarshalExempt),
	)
	h.Zones = append(h.Zones, z)
	return err
}

// unmarshalExempt takes the empty key too: that of requests that have none.
func (z *Zone) unmarshalExempt(d *caddyfile.Dispenser) error {
	keys := d.RemainingArgs()
	if len(keys) == 0 {
		return d.ArgErr()
	}
	z.Exempt = append(z.Exempt, keys...)
	return option.Written(d, "exempt", slices.DeleteFunc(keys, func(key string) bool { return key == "" })...)
}

func (z *Zone) unmarshalRate(d *caddyfile.Dispenser) (err error) {
	var value string
	if !d.AllArgs(&value) {
		return d.ArgErr()
	}
	if z.Rate, err = parseRate(value); err != nil {
		return d.Errf("rate: %v", err)
	}
	return nil
}

func (z *Zone) unmarshalPlans(d *caddyfile.Dispenser) error {
	if !d.AllArgs(&z.Plan) {
		return d.ArgErr()
	}
	if err := option.Written(d, "plan", z.Plan); err != nil {
		return err
	}
	z.Plans = make(map[string]Plan)
	for d.NextBlock(2) {
		name, args := d.Val(), d.RemainingArgs()
		if len(args) != 1 && len(args) != 2 {
			return d.ArgErr()
		}
		rate, err := parseRate(args[0])
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
