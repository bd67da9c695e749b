package botsignature

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

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
//		<platform> {
//			secret_file <path...>
//			secret_env  <name...>
//		}
//		max_size <size>
//	}
//
// Secrets outside of a platform's block are those of the platform in the first line.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.AllArgs(&h.Platform) {
		return d.Err("bot_signature takes one platform, or a placeholder that becomes one")
	}
	for d.NextBlock(0) {
		var err error
		switch name := d.Val(); name {
		case "secret_file", "secret_env":
			if strings.Contains(h.Platform, "{") {
				return d.Errf("%s: put it into a block of the platform it is for", name)
			}
			err = h.secretsOf(h.Platform).unmarshalOption(d)
		case "max_size":
			h.MaxSize, err = option.Size(d, option.MaxSize)
		default:
			err = h.unmarshalPlatform(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) unmarshalPlatform(d *caddyfile.Dispenser) error {
	name := d.Val()
	if d.NextArg() {
		return d.Errf("unknown option %q; there are secret_file, secret_env, max_size and blocks named after platforms", name)
	}
	secrets := h.secretsOf(name)
	for d.NextBlock(1) {
		if err := secrets.unmarshalOption(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) secretsOf(name string) *Secrets {
	if h.Platforms == nil {
		h.Platforms = map[string]*Secrets{}
	}
	if h.Platforms[name] == nil {
		h.Platforms[name] = new(Secrets)
	}
	return h.Platforms[name]
}

func (s *Secrets) unmarshalOption(d *caddyfile.Dispenser) error {
	name, places := d.Val(), d.RemainingArgs()
	if len(places) == 0 {
		return d.ArgErr()
	}
	switch name {
	case "secret_file":
		s.Files = append(s.Files, places...)
	case "secret_env":
		s.Envs = append(s.Envs, places...)
	default:
		return d.Errf("unknown option %q; there are secret_file and secret_env", name)
	}
	return nil
}
