package botjwt

import (
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/option"
)

// Bounds of options.
const (
	maxMaxStale  = 30 * 24 * time.Hour
	maxCacheSize = 10_000_000
)

func init() {
	option.Directive[Handler]("bot_jwt", httpcaddyfile.Before, "basic_auth")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_jwt [<matcher>] {
//		key            <algorithm> file|env|value <path|name|value> [kid <id>]
//		jwk_file       <path...>
//		jwks           <url>
//		max_stale      <duration>
//		algorithms     <algorithm...>
//		issuer         <iss...>
//		audience       <aud...>
//		issuer <iss> {
//			key, jwk_file, jwks, max_stale, algorithms, audience: as above
//			oidc
//		}
//		from           header | cookie <name> | query <name>
//		leeway         <duration>
//		require_scope  <scope...>
//		require_claim  <claim> [<value...>]
//		require_exp    on|off
//		user_claim     <claim>
//		claim_header   <header> <claim>
//		max_token_size <size>
//		cache_size     <tokens>|off
//		revocation
//		lockout        <failures> <window> <duration>
//	}
//
// All but leeway, require_exp, user_claim, max_token_size, cache_size and lockout may be repeated.
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
	case "issuer":
		return h.unmarshalIssuer(d)
	case "require_scope":
		return appendArgs(d, &h.RequireScopes)
	case "require_claim":
		return h.unmarshalClaim(d)
	case "require_exp":
		return h.unmarshalExpiry(d)
	case "from":
		return h.unmarshalSource(d)
	case "claim_header":
		return h.unmarshalClaimHeader(d)
	case "user_claim":
		if !d.AllArgs(&h.UserClaim) {
			return d.ArgErr()
		}
		return nil
	case "leeway":
		return h.unmarshalLeeway(d)
	case "max_token_size":
		return h.unmarshalSize(d)
	case "cache_size":
		return h.unmarshalCacheSize(d)
	case "revocation":
		h.Revocation = true
		if d.NextArg() {
			return d.ArgErr()
		}
		return nil
	case "lockout":
		var err error
		h.Lockout, err = lockout.Unmarshal(d)
		return err
	}
	return h.IssuerConfig.unmarshalOption(d)
}

// unmarshalIssuer reads names of issuers, or a block of one.
func (h *Handler) unmarshalIssuer(d *caddyfile.Dispenser) error {
	names := d.RemainingArgs()
	if len(names) == 0 {
		return d.ArgErr()
	}
	config := &IssuerConfig{Issuer: names[0]}
	block := false
	for d.NextBlock(1) {
		block = true
		if d.Val() == "oidc" {
			if d.NextArg() {
				return d.ArgErr()
			}
			config.OIDC = true
			continue
		}
		if err := config.unmarshalOption(d); err != nil {
			return err
		}
	}
	switch {
	case !block:
		h.Issuers = append(h.Issuers, names...)
	case len(names) > 1:
		return d.Err("issuer: a block is for one issuer")
	default:
		h.Trusts = append(h.Trusts, config)
	}
	return nil
}

func (c *IssuerConfig) unmarshalOption(d *caddyfile.Dispenser) error {
	switch name := d.Val(); name {
	case "key":
		return c.unmarshalKey(d)
	case "jwk_file":
		return appendArgs(d, &c.JWKFiles)
	case "jwks":
		if !d.AllArgs(&c.JWKS) {
			return d.ArgErr()
		}
		return nil
	case "audience":
		return appendArgs(d, &c.Audiences)
	case "algorithms":
		return appendArgs(d, &c.Algorithms)
	case "max_stale":
		var err error
		c.MaxStale, err = option.Duration(d, maxMaxStale)
		return err
	default:
		return d.Errf("unknown option %q; docs/reference/bot_jwt.md lists them", name)
	}
}

func (c *IssuerConfig) unmarshalKey(d *caddyfile.Dispenser) error {
	var key KeyConfig
	var source, place string
	if !d.Args(&key.Algorithm, &source, &place) {
		return d.Err("key takes an algorithm, file, env or value, and a path, a name or the value")
	}
	switch source {
	case "file":
		key.File = place
	case "env":
		key.Env = place
	case "value":
		key.Value = place
	default:
		return d.Errf("key: expected file, env or value, not %q", source)
	}
	if d.NextArg() && (d.Val() != "kid" || !d.AllArgs(&key.KID)) {
		return d.Err("key: only \"kid <id>\" may follow the path or name")
	}
	c.Keys = append(c.Keys, key)
	return nil
}

func (h *Handler) unmarshalClaim(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	if h.RequireClaims == nil {
		h.RequireClaims = map[string][]string{}
	}
	h.RequireClaims[args[0]] = append(h.RequireClaims[args[0]], args[1:]...)
	return nil
}

func (h *Handler) unmarshalExpiry(d *caddyfile.Dispenser) error {
	var value string
	if !d.AllArgs(&value) || (value != "on" && value != "off") {
		return d.Err("require_exp takes on or off")
	}
	h.AllowNoExpiry = value == "off"
	return nil
}

func (h *Handler) unmarshalSource(d *caddyfile.Dispenser) error {
	var source SourceConfig
	if !d.Args(&source.In) {
		return d.ArgErr()
	}
	if args := d.RemainingArgs(); len(args) == 1 {
		source.Name = args[0]
	} else if len(args) > 1 {
		return d.ArgErr()
	}
	h.Sources = append(h.Sources, source)
	return nil
}

func (h *Handler) unmarshalClaimHeader(d *caddyfile.Dispenser) error {
	var header, claim string
	if !d.AllArgs(&header, &claim) {
		return d.Err("claim_header takes a header and a claim")
	}
	if h.ClaimHeaders == nil {
		h.ClaimHeaders = map[string]string{}
	}
	h.ClaimHeaders[http.CanonicalHeaderKey(header)] = claim
	return nil
}

func (h *Handler) unmarshalCacheSize(d *caddyfile.Dispenser) error {
	var value string
	if !d.AllArgs(&value) {
		return d.ArgErr()
	}
	if value == "off" {
		h.CacheSize = -1
		return nil
	}
	size, err := strconv.Atoi(value)
	if err != nil || size < 1 || size > maxCacheSize {
		return d.Errf("cache_size: %q is neither off nor a number from 1 to %d", value, maxCacheSize)
	}
	h.CacheSize = size
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
	args, err := option.List(d)
	*to = append(*to, args...)
	return err
}
