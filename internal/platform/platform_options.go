package platform

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/restrict"
)

// options hands a platform its settings. It remembers the first mistake and which
// options were asked for, so that all others can be refused.
type options struct {
	given map[string]string
	known []string
	err   error
}

// text returns an option's value, or fallback when it is not set. A value that restricts nothing, such as
// an empty one, is a mistake and does not stand for the fallback.
func (o *options) text(name, fallback string) string {
	if value, ok := o.given[name]; ok {
		if err := restrict.Text(value); err != nil {
			o.fail("option %s: %w", name, err)
		}
	}
	return o.free(name, fallback)
}

// free is text for an option that restricts nothing, or has placeholders of its own.
func (o *options) free(name, fallback string) string {
	o.known = append(o.known, name)
	if value, ok := o.given[name]; ok {
		return value
	}
	return fallback
}

// has reports whether the option is set.
func (o *options) has(name string) bool {
	_, ok := o.given[name]
	return ok
}

// required is text for an option that must have a value.
func (o *options) required(name string) string {
	if !o.has(name) {
		o.fail("option %s: it is required", name)
	}
	return o.text(name, "")
}

// oneOf is text for an option with a fixed set of values; the first one is the default.
func (o *options) oneOf(name string, values ...string) string {
	value := o.text(name, values[0])
	if !slices.Contains(values, value) {
		o.fail("option %s: %q is none of %s", name, value, strings.Join(values, ", "))
	}
	return value
}

// flag is an option that is on or off, which is the default.
func (o *options) flag(name string) bool { return o.oneOf(name, "off", "on") == "on" }

// duration is an option like 5m, above zero.
func (o *options) duration(name string, fallback time.Duration) time.Duration {
	value, err := time.ParseDuration(o.text(name, fallback.String()))
	if err != nil || value <= 0 {
		o.fail("option %s: it is not a duration like 5m", name)
	}
	return value
}

// size is an option that is a number of bytes.
func (o *options) size(name string, fallback, least, most int) int {
	value, err := strconv.Atoi(o.text(name, strconv.Itoa(fallback)))
	if err != nil || value < least || value > most {
		o.fail("option %s: it is not a number of bytes from %d to %d", name, least, most)
	}
	return value
}

// path is an option that names a member of nested objects, such as data.user.id.
func (o *options) path(name string) []string {
	value := o.text(name, "")
	if value == "" {
		return nil
	}
	return strings.Split(value, ".")
}

// fail keeps the first error.
func (o *options) fail(format string, args ...any) {
	if o.err == nil {
		o.err = fmt.Errorf(format, args...)
	}
}

// done returns the first mistake in the settings.
func (o *options) done() error {
	for _, name := range slices.Sorted(maps.Keys(o.given)) {
		if slices.Contains(o.known, name) {
			continue
		}
		if len(o.known) == 0 {
			return fmt.Errorf("unknown option %q; there is none beside the secrets", name)
		}
		return fmt.Errorf("unknown option %q; there are %s", name, strings.Join(o.known, ", "))
	}
	return o.err
}
