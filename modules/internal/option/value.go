package option

import (
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/botgate/botgate/internal/restrict"
)

// MaxSize is the limit of options that cap a request body.
const MaxSize = 1 << 40

// one is an option with exactly one value. The name is that of the option.
func one(name string, parse func(d *caddyfile.Dispenser, value string) error) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		var value string
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		return parse(d, value)
	})
}

// Written reports a value that is empty or a placeholder of something else than Caddy, with the file and
// the line. Caddy's placeholders are looked at when the configuration is loaded.
func Written(d *caddyfile.Dispenser, name string, values ...string) error {
	for _, value := range values {
		if strings.Contains(value, "{") {
			continue
		}
		if err := restrict.Text(value); err != nil {
			return d.Errf("%s: %v", name, err)
		}
	}
	return nil
}

// Address is [Written] for an address, of which errors repeat nothing.
func Address(d *caddyfile.Dispenser, name, value string) error {
	if strings.Contains(value, "{") {
		return nil
	}
	if err := restrict.Address(value); err != nil {
		return d.Errf("%s: %v", name, err)
	}
	return nil
}

// Text is an option with one value, which is not empty: see [Written].
func Text[T ~string](name string, to *T) Option {
	return one(name, func(d *caddyfile.Dispenser, value string) error {
		*to = T(value)
		return Written(d, name, value)
	})
}

// OptionalText is an option with at most one value, which may be missing as it is when the
// environment variable that it is taken from is not set. One that is there is not empty: see [Address].
func OptionalText(name string, to *string) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		if d.NextArg() {
			*to = d.Val()
			if err := Address(d, name, *to); err != nil {
				return err
			}
		}
		if d.NextArg() {
			return d.ArgErr()
		}
		return nil
	})
}

// List is an option with at least one value, none of them empty: see [Written]. It may be repeated.
func List(name string, to *[]string) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		values := d.RemainingArgs()
		if len(values) == 0 {
			return d.ArgErr()
		}
		*to = append(*to, values...)
		return Written(d, name, values...)
	})
}

// Flag is an option without a value.
func Flag(name string, to *bool) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		*to = true
		if d.NextArg() {
			return d.ArgErr()
		}
		return nil
	})
}

// Size is an option whose value is a size like 1MB, at most limit bytes.
func Size(name string, to *int64, limit int64) Option {
	return one(name, func(d *caddyfile.Dispenser, value string) error {
		size, err := humanize.ParseBytes(value)
		if err != nil || size == 0 || size > uint64(limit) {
			return d.Errf("%s: %q is not a size like 8KB or 25MB, at most %s", name, value, humanize.IBytes(uint64(limit)))
		}
		*to = int64(size)
		return nil
	})
}

// Duration is an option whose value is a duration like 5s, from 0 to limit.
func Duration(name string, to *caddy.Duration, limit time.Duration) Option {
	return one(name, func(d *caddyfile.Dispenser, value string) error {
		duration, err := caddy.ParseDuration(value)
		if err != nil || duration < 0 || duration > limit {
			return d.Errf("%s: %q is not a duration like 50ms or 5s, at most %s", name, value, limit)
		}
		*to = caddy.Duration(duration)
		return nil
	})
}

// PositiveDuration is [Duration] without zero, which stands for the default in JSON.
func PositiveDuration(name string, to *caddy.Duration, limit time.Duration) Option {
	duration := Duration(name, to, limit)
	return Func(name, func(d *caddyfile.Dispenser) error {
		if err := duration.Read(d); err != nil || *to != 0 {
			return err
		}
		return d.Errf("%s: must not be zero", name)
	})
}

// Number is an option whose value is a whole number from 1 to limit.
func Number(name string, to *int, limit int) Option {
	return one(name, func(d *caddyfile.Dispenser, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > limit {
			return d.Errf("%s: %q is not a number from 1 to %d", name, value, limit)
		}
		*to = n
		return nil
	})
}

// Count is an option whose value is a whole number from 1.
func Count(name string, to *int) Option {
	return one(name, func(d *caddyfile.Dispenser, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return d.Errf("%s: %q is not a count like 20", name, value)
		}
		*to = n
		return nil
	})
}
