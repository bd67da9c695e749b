package embedded

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
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
//		roles    record dispatch api jobs | none
//		database [<url>]
//		listen   <address>
//		replica|replica_max_lag|database_pool|shards_file|migrate|retention|cache_size|cache_ttl|session_ttl|session_max_ttl|session_size [<value>]
//	}
//
// database, and what has its default otherwise, may stand without a value, as they do when
// the environment variable that they are taken from is not set.
func (b *Backend) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		option, args := d.Val(), d.RemainingArgs()
		switch {
		case option == "roles" && len(args) > 0:
			b.Roles = append(b.Roles, args...)
		case option == "database" && len(args) == 0:
		case option == "database" && len(args) == 1:
			b.DatabaseURL = args[0]
		case option == "listen" && len(args) == 1:
			b.Listen = args[0]
		case dataOptions[option] != "" && len(args) == 0:
		case dataOptions[option] != "" && len(args) == 1:
			b.setOption(option, args[0])
		case option == "roles" || option == "database" || option == "listen" || dataOptions[option] != "":
			return d.ArgErr()
		default:
			return d.Errf("unknown option %q; there are roles, database, listen, %s", option, strings.Join(slices.Sorted(maps.Keys(dataOptions)), ", "))
		}
	}
	return nil
}

func (b *Backend) setOption(option, value string) {
	if b.Data == nil {
		b.Data = map[string]string{}
	}
	b.Data[option] = value
}
