package botgate

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
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
//		queue     [<url>] {
//			max_size <size>
//		}
//		on_broker_error spool|reject
//		spool     [<path>] {
//			max_size <size>
//			max_age  <duration>
//		}
//		history   [auto | off | <age> <size>]
//		blob      [<url>] {
//			threshold <size> | 0
//			retention <duration>
//		}
//		max_unverified <size>
//		bots      <name...>
//		bots_file <path>
//		api_secret_file [<path>]
//		handover  [on | off]
//	}
//
// redis, queue, spool, history, blob, api_secret_file and handover may stand without a value, as they do when the
// environment variable that they are taken from is not set; the embedded engines, the file
// spool.db in the data folder and the defaults are used then.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return option.Options(d,
		option.Text("data", &a.Data),
		option.OptionalText("redis", &a.RedisURL),
		option.Func("queue", func(d *caddyfile.Dispenser) error {
			if err := option.OptionalText("queue", &a.QueueURL).Read(d); err != nil {
				return err
			}
			return option.Block(d, "of queue", option.Size("max_size", &a.QueueMaxSize, option.MaxSize))
		}),
		option.Text("on_broker_error", &a.OnBrokerError),
		option.Func("spool", a.Spool.unmarshal),
		option.Func("history", func(d *caddyfile.Dispenser) error {
			// One word too, as it comes out of an environment variable.
			a.History = strings.Join(d.RemainingArgs(), " ")
			return nil
		}),
		option.Func("blob", a.Blob.unmarshal),
		option.Size("max_unverified", &a.MaxUnverifiedBytes, option.MaxSize),
		option.Func("bots", func(d *caddyfile.Dispenser) error {
			a.Bots = append(a.Bots, d.RemainingArgs()...)
			return nil
		}),
		option.Text("bots_file", &a.BotsFile),
		option.OptionalText("api_secret_file", &a.APISecretFile),
		option.Func("handover", a.unmarshalHandover),
	)
}

func (a *App) unmarshalHandover(d *caddyfile.Dispenser) error {
	var value string
	if err := option.OptionalText("handover", &value).Read(d); err != nil {
		return err
	}
	switch value {
	case "on", "1", "true":
		a.Handover = true
	case "", "off", "0", "false":
		a.Handover = false
	default:
		return d.Errf("handover: %q is neither on nor off", value)
	}
	return nil
}

func (s *Spool) unmarshal(d *caddyfile.Dispenser) error {
	if err := option.OptionalText("spool", &s.Path).Read(d); err != nil {
		return err
	}
	return option.Block(d, "of spool",
		option.Size("max_size", &s.MaxSize, option.MaxSize),
		option.Duration("max_age", &s.MaxAge, maxAge),
	)
}

func (b *Blob) unmarshal(d *caddyfile.Dispenser) error {
	if err := option.OptionalText("blob", &b.URL).Read(d); err != nil {
		return err
	}
	return option.Block(d, "of blob",
		option.Func("threshold", func(d *caddyfile.Dispenser) error {
			b.Threshold = new(int64)
			if rest := *d; rest.NextArg() && rest.Val() == "0" {
				var zero string
				if !d.AllArgs(&zero) {
					return d.ArgErr()
				}
				return nil
			}
			return option.Size("threshold", b.Threshold, option.MaxSize).Read(d)
		}),
		option.Func("retention", func(d *caddyfile.Dispenser) error {
			b.Retention = new(caddy.Duration)
			return option.Duration("retention", b.Retention, maxAge).Read(d)
		}),
	)
}
