package embedded

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("botgate_embedded", parseGlobalOption)
}

func parseGlobalOption(d *caddyfile.Dispenser, _ any) (any, error) {
	b := new(Backend)
	if err := b.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "botgate_embedded", Value: caddyconfig.JSON(b, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from the global option. Syntax:
//
//	botgate_embedded {
//		roles    [record dispatch api jobs | none]
//		<option> [<value>]
//	}
//
// The options are those of docs/reference/settings.md. One without a value has its default, as
// when the environment variable that the value is taken from is not set.
func (b *Backend) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	b.Options = map[string]Value{}
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name, args := d.Val(), d.RemainingArgs()
		switch o, known := options[name]; {
		case !known:
			return d.Err(unknownOption(name).Error())
		case len(args) > 1 && !o.Words:
			return d.ArgErr()
		case len(args) > 0:
			if err := option.Address(d, name, strings.Join(args, " ")); err != nil {
				return err
			}
			b.Options[name] = Value(strings.Join(args, " "))
		}
	}
	return nil
}
