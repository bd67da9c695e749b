// Package option holds what the modules' Caddyfile parsers have in common: registering a
// directive, and options whose value is a size or a duration.
package option

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

// handler is a handler of type *T that parses its own directive.
type handler[T any] interface {
	*T
	caddyhttp.MiddlewareHandler
	caddyfile.Unmarshaler
}

// Directive registers a handler directive and its default place before or after a
// standard one.
func Directive[T any, H handler[T]](name string, position httpcaddyfile.Positional, standard string) {
	httpcaddyfile.RegisterHandlerDirective(name, func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		parsed := H(new(T))
		return parsed, parsed.UnmarshalCaddyfile(h.Dispenser)
	})
	httpcaddyfile.RegisterDirectiveOrder(name, position, standard)
}

// Size reads the value of the current option: a size like 1MB, at most limit bytes.
func Size(d *caddyfile.Dispenser, limit int64) (int64, error) {
	name := d.Val()
	var value string
	if !d.AllArgs(&value) {
		return 0, d.ArgErr()
	}
	size, err := humanize.ParseBytes(value)
	if err != nil || size == 0 || size > uint64(limit) {
		return 0, d.Errf("%s: %q is not a size like 8KB or 25MB, at most %s", name, value, humanize.IBytes(uint64(limit)))
	}
	return int64(size), nil
}

// SizeOrZero is [Size] with 0 for an option that can be switched off.
func SizeOrZero(d *caddyfile.Dispenser, limit int64) (int64, error) {
	if rest := *d; rest.NextArg() && rest.Val() == "0" {
		d.NextArg()
		if d.NextArg() {
			return 0, d.ArgErr()
		}
		return 0, nil
	}
	return Size(d, limit)
}

// Duration reads the value of the current option: a duration like 5s, from 0 to limit.
func Duration(d *caddyfile.Dispenser, limit time.Duration) (caddy.Duration, error) {
	name := d.Val()
	var value string
	if !d.AllArgs(&value) {
		return 0, d.ArgErr()
	}
	duration, err := caddy.ParseDuration(value)
	if err != nil || duration < 0 || duration > limit {
		return 0, d.Errf("%s: %q is not a duration like 50ms or 5s, at most %s", name, value, limit)
	}
	return caddy.Duration(duration), nil
}

// PositiveDuration is [Duration] without zero, which stands for the default in JSON.
func PositiveDuration(d *caddyfile.Dispenser, limit time.Duration) (caddy.Duration, error) {
	name := d.Val()
	duration, err := Duration(d, limit)
	if err == nil && duration == 0 {
		err = d.Errf("%s: must not be zero", name)
	}
	return duration, err
}

// MaxSize is the limit of options that cap a request body.
const MaxSize = 1 << 40

// List reads the values of the current option, of which there is at least one.
func List(d *caddyfile.Dispenser) ([]string, error) {
	values := d.RemainingArgs()
	if len(values) == 0 {
		return nil, d.ArgErr()
	}
	return values, nil
}
