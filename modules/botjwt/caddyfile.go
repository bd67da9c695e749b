package botjwt

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
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
//		audience       <aud...>|any
//		scopes         <scope...>
//		claim          <claim> <value>
//		user_prefix    <prefix>|off
//		issuer <iss> {
//			key, jwk_file, jwks, max_stale, algorithms, audience, scopes, claim, user_prefix: as above
//			oidc
//		}
//		from           header | cookie <name> | query <name>
//		leeway         <duration>
//		require_scope  <scope...>
//		require_claim  <claim> <value...>|any
//		require_exp    on|off
//		user_claim     <claim>
//		bot_claim      <claim>
//		require_bot    <bot>
//		claim_header   <header> <claim>
//		max_token_size <size>
//		cache_size     <tokens>|off
//		revocation
//		lockout        <failures> <window> <duration>
//	}
//
// All but leeway, require_exp, user_prefix, user_claim, bot_claim, require_bot, max_token_size, cache_size
// and lockout may be repeated.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	maxTokenSize := int64(h.MaxTokenSize)
	err := option.Options(d, append(h.options(),
		option.Func("issuer", h.unmarshalIssuer),
		option.Func("from", h.unmarshalSource),
		option.Func("leeway", h.unmarshalLeeway),
		option.List("require_scope", &h.RequireScopes),
		option.Func("require_claim", h.unmarshalClaim),
		option.Func("require_exp", h.unmarshalExpiry),
		option.Text("user_claim", &h.UserClaim),
		option.Text("bot_claim", &h.BotClaim),
		option.Text("require_bot", &h.RequireBot),
		option.Func("claim_header", h.unmarshalClaimHeader),
		option.Size("max_token_size", &maxTokenSize, 1<<20),
		option.Func("cache_size", h.unmarshalCacheSize),
		option.Flag("revocation", &h.Revocation),
		lockout.Option(&h.Lockout),
	)...)
	h.MaxTokenSize = int(maxTokenSize)
	return err
}

// options are those that are for one issuer too.
func (c *IssuerConfig) options() []option.Option {
	return []option.Option{
		option.Func("key", c.unmarshalKey),
		option.List("jwk_file", &c.JWKFiles),
		option.Text("jwks", &c.JWKS),
		option.Duration("max_stale", &c.MaxStale, maxMaxStale),
		option.List("algorithms", &c.Algorithms),
		option.List("audience", &c.Audiences),
		option.List("scopes", &c.Scopes),
		option.Func("claim", c.unmarshalFixedClaim),
		option.Func("user_prefix", c.unmarshalUserPrefix),
	}
}

// unmarshalIssuer reads names of issuers, or a block of one.
func (h *Handler) unmarshalIssuer(d *caddyfile.Dispenser) error {
	names := d.RemainingArgs()
	if len(names) == 0 {
		return d.ArgErr()
	}
	if err := option.Written(d, "issuer", names...); err != nil {
		return err
	}
	c, block := &IssuerConfig{Issuer: names[0]}, hasBlock(d)
	if err := option.Block(d, "of issuer", append(c.options(), option.Flag("oidc", &c.OIDC))...); err != nil {
		return err
	}
	switch {
	case !block:
		h.Issuers = append(h.Issuers, names...)
	case len(names) > 1:
		return d.Err("issuer: a block is for one issuer")
	default:
		h.Trusts = append(h.Trusts, c)
	}
	return nil
}

// hasBlock reports whether a block with something in it follows.
func hasBlock(d *caddyfile.Dispenser) bool {
	rest := *d
	return rest.NextBlock(rest.Nesting())
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
	if d.NextArg() {
		if d.Val() != "kid" || !d.AllArgs(&key.KID) {
			return d.Err("key: only \"kid <id>\" may follow the path or name")
		}
		if err := option.Written(d, "key, kid", key.KID); err != nil {
			return err
		}
	}
	if err := option.Written(d, "key", place); err != nil {
		return err
	}
	c.Keys = append(c.Keys, key)
	return nil
}

func (c *IssuerConfig) unmarshalFixedClaim(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.AllArgs(&name, &value) {
		return d.Err("claim takes a claim and its value")
	}
	if c.Claims == nil {
		c.Claims = map[string]string{}
	}
	if _, twice := c.Claims[name]; twice {
		return d.Errf("claim: %s is fixed twice", name)
	}
	if err := option.Written(d, "claim", name, value); err != nil {
		return err
	}
	c.Claims[name] = value
	return nil
}

func (c *IssuerConfig) unmarshalUserPrefix(d *caddyfile.Dispenser) error {
	if !d.AllArgs(&c.UserPrefix) {
		return d.ArgErr()
	}
	if strings.TrimSpace(c.UserPrefix) == "" {
		return d.Err("user_prefix: must not be empty; \"off\" is for users who are those without a prefix")
	}
	return option.Written(d, "user_prefix", c.UserPrefix)
}

func (h *Handler) unmarshalClaim(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	if len(args) == 1 {
		return d.Errf("require_claim %s: name the values that pass, or any (is an environment variable not set?)", args[0])
	}
	if err := option.Written(d, "require_claim", args...); err != nil {
		return err
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
	if err := option.Written(d, "claim_header", header, claim); err != nil {
		return err
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
	h.Leeway = new(caddy.Duration)
	return option.Duration("leeway", h.Leeway, time.Hour).Read(d)
}
