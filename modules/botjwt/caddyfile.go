package botjwt

import (
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_jwt", httpcaddyfile.Before, "basic_auth")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_jwt [<matcher>] {
//		key            <algorithm> file|env <path|name> [kid <id>]
//		issuer         <iss...>
//		audience       <aud...>
//		leeway         <duration>
//		require_scope  <scope...>
//		user_claim     <claim>
//		max_token_size <size>
//	}
//
// The options key, issuer, audience and require_scope may be repeated.
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

func (h *Handler) unmarshalOption(d *caddyfile.Dispenser) error {
	switch name := d.Val(); name {
	case "key":
		return h.unmarshalKey(d)
	case "issuer":
		return appendArgs(d, &h.Issuers)
	case "audience":
		return appendArgs(d, &h.Audiences)
	case "require_scope":
		return appendArgs(d, &h.RequireScopes)
	case "user_claim":
		if !d.AllArgs(&h.UserClaim) {
			return d.ArgErr()
		}
	case "leeway":
		return h.unmarshalLeeway(d)
	case "max_token_size":
		return h.unmarshalSize(d)
	default:
		return d.Errf("unknown option %q; there are key, issuer, audience, leeway, require_scope, user_claim and max_token_size", name)
	}
	return nil
}

func (h *Handler) unmarshalKey(d *caddyfile.Dispenser) error {
	var key KeyConfig
	var source, place string
	if !d.Args(&key.Algorithm, &source, &place) {
		return d.Err("key takes an algorithm, file or env, and a path or name")
	}
	switch source {
	case "file":
		key.File = place
	case "env":
		key.Env = place
	default:
		return d.Errf("key: expected file or env, not %q", source)
	}
	if d.NextArg() && (d.Val() != "kid" || !d.AllArgs(&key.KID)) {
		return d.Err("key: only \"kid <id>\" may follow the path or name")
	}
	h.Keys = append(h.Keys, key)
	return nil
}

func (h *Handler) unmarshalLeeway(d *caddyfile.Dispenser) error {
	leeway, err := option.Duration(d, time.Hour)
	h.Leeway = &leeway
	return err
}

func (h *Handler) unmarshalSize(d *caddyfile.Dispenser) error {
	size, err := option.Size(d, 1<<20)
	h.MaxTokenSize = int(size)
	return err
}

func appendArgs(d *caddyfile.Dispenser, to *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	*to = append(*to, args...)
	return nil
}
