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
	return option.Options(d,
		option.Text("issuer", &h.Issuer),
		option.List("audience", &h.Audiences),
		option.Text("clients_file", &h.ClientsFile),
		option.Text("folder", &h.Folder),
		option.PositiveDuration("ttl", &h.TTL, maxTTL),
		option.PositiveDuration("rotate", &h.Rotate, maxRotate),
		option.PositiveDuration("overlap", &h.Overlap, maxOverlap),
		lockout.Option(&h.Lockout),
	)
}
