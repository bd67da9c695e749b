package botgate

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("botgate", parseGlobalOption)
}

func parseGlobalOption(d *caddyfile.Dispenser, _ any) (any, error) {
	app := new(App)
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "botgate", Value: caddyconfig.JSON(app, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from the global option. Syntax:
//
//	botgate {
//		data      <folder>
//		redis     [<url>]
//		queue     [<url>]
//		bots      <name...>
//		bots_file <path>
//	}
//
// redis and queue may stand without a value, as they do when the environment variable
// that they are taken from is not set; the embedded engines are used then.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		option, args := d.Val(), d.RemainingArgs()
		switch option {
		case "redis", "queue":
			if len(args) > 1 {
				return d.ArgErr()
			}
			if len(args) == 1 {
				a.setURL(option, args[0])
			}
		case "bots":
			a.Bots = append(a.Bots, args...)
		case "bots_file", "data":
			if len(args) != 1 {
				return d.ArgErr()
			}
			a.setPath(option, args[0])
		default:
			return d.Errf("unknown option %q; there are data, redis, queue, bots and bots_file", option)
		}
	}
	return nil
}

func (a *App) setPath(option, path string) {
	if option == "data" {
		a.Data = path
	} else {
		a.BotsFile = path
	}
}

func (a *App) setURL(option, url string) {
	if option == "redis" {
		a.RedisURL = url
	} else {
		a.QueueURL = url
	}
}
