package botjwt

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("bot_jwt", parseCaddyfile)
	httpcaddyfile.RegisterDirectiveOrder("bot_jwt", httpcaddyfile.Before, "basic_auth")
}

func parseCaddyfile(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
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
	switch option := d.Val(); option {
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
		return d.Errf("unknown option %q; there are key, issuer, audience, leeway, require_scope, user_claim and max_token_size", option)
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
	var value string
	if !d.AllArgs(&value) {
		return d.ArgErr()
	}
	duration, err := caddy.ParseDuration(value)
	if err != nil {
		return d.Errf("leeway: %q is not a duration like 30s", value)
	}
	leeway := caddy.Duration(duration)
	h.Leeway = &leeway
	return nil
}

func (h *Handler) unmarshalSize(d *caddyfile.Dispenser) error {
	var value string
	if !d.AllArgs(&value) {
		return d.ArgErr()
	}
	size, err := humanize.ParseBytes(value)
	if err != nil || size == 0 || size > 1<<20 {
		return d.Errf("max_token_size: %q is not a size like 8KB, at most 1MiB", value)
	}
	h.MaxTokenSize = int(size)
	return nil
}

func appendArgs(d *caddyfile.Dispenser, to *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	*to = append(*to, args...)
	return nil
}
