package bottoken

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_token", httpcaddyfile.Before, "respond")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_token [<matcher>] {
//		issuer       <issuer>
//		audience     <audience...>
//		clients_file <path>
//		folder       <path>
//		ttl          <duration>
//		rotate       <duration>
//		overlap      <duration>
//		lockout      <failures> <window> <duration>
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
	case "issuer":
		return unmarshalText(d, &h.Issuer)
	case "clients_file":
		return unmarshalText(d, &h.ClientsFile)
	case "folder":
		return unmarshalText(d, &h.Folder)
	case "audience":
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.ArgErr()
		}
		h.Audiences = append(h.Audiences, args...)
	case "ttl":
		h.TTL, err = option.PositiveDuration(d, maxTTL)
	case "rotate":
		h.Rotate, err = option.PositiveDuration(d, maxRotate)
	case "overlap":
		h.Overlap, err = option.PositiveDuration(d, maxOverlap)
	case "lockout":
		h.Lockout, err = lockout.Unmarshal(d)
	default:
		return d.Errf("unknown option %q; there are issuer, audience, clients_file, folder, ttl, rotate, overlap and lockout", name)
	}
	return err
}

func unmarshalText(d *caddyfile.Dispenser, to *string) error {
	if !d.AllArgs(to) {
		return d.ArgErr()
	}
	return nil
}
