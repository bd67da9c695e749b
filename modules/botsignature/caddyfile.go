package botsignature

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_signature", httpcaddyfile.After, "basic_auth")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_signature [<matcher>] <platform> {
//		secret_file <path...>
//		secret_env  <name...>
//		sender         <name>
//		replay_by_body on|off
//		<option>    <value>
//		<platform> {
//			secret_file <path...>
//			secret_env  <name...>
//			<option>    <value>
//		}
//		max_size <size>
//		lockout  <failures> <window> <duration>
//	}
//
// Secrets and options outside of a platform's block are those of the platform in the
// first line. Which options a platform has is in docs/reference/platforms.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.AllArgs(&h.Platform) {
		return d.Err("bot_signature takes one platform, or a placeholder that becomes one")
	}
	// A platform with published keys needs nothing else.
	if !strings.Contains(h.Platform, "{") {
		h.configOf(h.Platform)
	}
	for d.NextBlock(0) {
		read := h.unmarshalPlatform
		switch d.Val() {
		case "max_size":
			read = option.Size("max_size", &h.MaxSize, option.MaxSize).Read
		case "lockout":
			read = lockout.Option(&h.Lockout).Read
		}
		if err := read(d); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalPlatform reads a platform's block, or an option of the platform in the first line.
func (h *Handler) unmarshalPlatform(d *caddyfile.Dispenser) error {
	name := d.Val()
	if d.CountRemainingArgs() > 0 || !slices.Contains(platform.Names(), name) {
		if strings.Contains(h.Platform, "{") {
			return d.Errf("%s: it belongs into a block named after the platform it is for", name)
		}
		return h.configOf(h.Platform).unmarshalOption(d)
	}
	config := h.configOf(name)
	for d.NextBlock(1) {
		if err := config.unmarshalOption(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) configOf(name string) *PlatformConfig {
	if h.Platforms == nil {
		h.Platforms = map[string]*PlatformConfig{}
	}
	if h.Platforms[name] == nil {
		h.Platforms[name] = new(PlatformConfig)
	}
	return h.Platforms[name]
}

func (c *PlatformConfig) unmarshalOption(d *caddyfile.Dispenser) error {
	name, values := d.Val(), d.RemainingArgs()
	switch {
	case len(values) == 0:
		return d.ArgErr()
	case name == "secret_file":
		c.Files = append(c.Files, values...)
	case name == "secret_env":
		c.Envs = append(c.Envs, values...)
	case name == "sender" && len(values) == 1:
		c.Sender = values[0]
	case name == "replay_by_body" && len(values) == 1:
		on := values[0] == "on"
		if !on && values[0] != "off" {
			return d.Errf("replay_by_body is on or off, not %q", values[0])
		}
		c.ReplayByBody = &on
	case len(values) > 1:
		return d.Errf("%s takes one value; put it into quotes if it has spaces", name)
	default:
		if _, twice := c.Options[name]; twice {
			return d.Errf("%s is there twice", name)
		}
		if c.Options == nil {
			c.Options = map[string]string{}
		}
		c.Options[name] = values[0]
	}
	return nil
}
