package botgate

import (
	"strings"

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
//		queue     [<url>]
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
//		bots      <name...>
//		bots_file <path>
//	}
//
// redis, queue, spool, history and blob may stand without a value, as they do when the
// environment variable that they are taken from is not set; the embedded engines, the file
// spool.db in the data folder and the defaults are used then.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if err := a.unmarshalOption(d); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) unmarshalOption(d *caddyfile.Dispenser) error {
	required := map[string]*string{"data": &a.Data, "bots_file": &a.BotsFile, "on_broker_error": &a.OnBrokerError}
	optional := map[string]*string{"redis": &a.RedisURL, "queue": &a.QueueURL}
	name := d.Val()
	switch {
	case name == "bots":
		a.Bots = append(a.Bots, d.RemainingArgs()...)
	case name == "history":
		// One word too, as it comes out of an environment variable.
		a.History = strings.Join(d.RemainingArgs(), " ")
	case name == "spool":
		return a.Spool.unmarshal(d)
	case name == "blob":
		return a.Blob.unmarshal(d)
	case required[name] != nil:
		if !d.AllArgs(required[name]) {
			return d.ArgErr()
		}
	case optional[name] != nil:
		return optionalArg(d, optional[name])
	default:
		return d.Errf("unknown option %q; there are data, redis, queue, on_broker_error, spool, history, blob, bots and bots_file", name)
	}
	return nil
}

// optionalArg reads the value of the current option, if it has one.
func optionalArg(d *caddyfile.Dispenser, into *string) error {
	switch args := d.RemainingArgs(); len(args) {
	case 0:
	case 1:
		*into = args[0]
	default:
		return d.ArgErr()
	}
	return nil
}

func (s *Spool) unmarshal(d *caddyfile.Dispenser) (err error) {
	if err := optionalArg(d, &s.Path); err != nil {
		return err
	}
	for d.NextBlock(1) && err == nil {
		switch d.Val() {
		case "max_size":
			s.MaxSize, err = option.Size(d, option.MaxSize)
		case "max_age":
			s.MaxAge, err = option.Duration(d, maxAge)
		default:
			err = d.Errf("unknown option %q of spool; there are max_size and max_age", d.Val())
		}
	}
	return err
}

func (b *Blob) unmarshal(d *caddyfile.Dispenser) error {
	if err := optionalArg(d, &b.URL); err != nil {
		return err
	}
	for d.NextBlock(1) {
		switch d.Val() {
		case "threshold":
			size, err := option.SizeOrZero(d, option.MaxSize)
			if err != nil {
				return err
			}
			b.Threshold = &size
		case "retention":
			age, err := option.Duration(d, maxAge)
			if err != nil {
				return err
			}
			b.Retention = &age
		default:
			return d.Errf("unknown option %q of blob; there are threshold and retention", d.Val())
		}
	}
	return nil
}
