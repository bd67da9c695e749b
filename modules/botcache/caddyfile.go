package botcache

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_cache", httpcaddyfile.Before, "abort")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_cache [<matcher>] {
//		ttl                    <duration>
//		stale_while_revalidate <duration>
//		stale_if_error         <duration>
//		per_caller
//		shared
//		key                    <text...>
//		max_body               <size>
//		size                   <size>
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return option.Options(d,
		option.PositiveDuration("ttl", &h.TTL, maxLifetime),
		option.PositiveDuration("stale_while_revalidate", &h.StaleWhileRevalidate, maxLifetime),
		option.PositiveDuration("stale_if_error", &h.StaleIfError, maxLifetime),
		option.Flag("per_caller", &h.PerCaller),
		option.Flag("shared", &h.Shared),
		option.List("key", &h.Key),
		option.Size("max_body", &h.MaxBody, maxMaxBody),
		option.Size("size", &h.Size, maxSize),
	)
}

// Interface guard.
var _ caddyfile.Unmarshaler = (*Handler)(nil)
