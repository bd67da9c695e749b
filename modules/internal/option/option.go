// Package option holds what the modules' Caddyfile parsers have in common: registering a
// directive, and blocks that are read by a table of their options.
package option

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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

// Option is one line of a block: a name, and how its values are read. Read is called when
// the dispenser is at the name, and consumes all values.
type Option struct {
	Name string
	Read func(*caddyfile.Dispenser) error
}

// Func is an option that is read by a function.
func Func(name string, read func(*caddyfile.Dispenser) error) Option { return Option{name, read} }

// Options reads all of a directive that has a block of options and no argument.
func Options(d *caddyfile.Dispenser, options ...Option) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	return Block(d, "", options...)
}

// Block reads the block of options that follows, if there is one. The error about an
// unknown option lists those that there are; where is empty, or says which block it is
// about, such as "of spool".
func Block(d *caddyfile.Dispenser, where string, options ...Option) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := read(d, where, options); err != nil {
			return err
		}
	}
	return nil
}

func read(d *caddyfile.Dispenser, where string, options []Option) error {
	names := make([]string, 0, len(options))
	for _, option := range options {
		if option.Name == d.Val() {
			return option.Read(d)
		}
		names = append(names, option.Name)
	}
	if where != "" {
		where = " " + where
	}
	last := len(names) - 1
	if last == 0 {
		return d.Errf("unknown option %q%s; there is %s", d.Val(), where, names[0])
	}
	return d.Errf("unknown option %q%s; there are %s and %s", d.Val(), where, strings.Join(names[:last], ", "), names[last])
}
