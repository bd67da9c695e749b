// Package botpath is the matcher bot_path: it tells paths apart as the backend's API does.
package botpath

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/urlpath"
	"github.com/botgate/botgate/modules/internal/refusals"
)

func init() {
	caddy.RegisterModule(&Matcher{})
}

// Matcher matches paths by the patterns that the backend's API has for its routes, segment by segment
// as they were sent. Caddy's own matchers decode and clean a path first: they take a user "x/data" for
// the data of a user x, and ..%2f.. for a step up. So a path that reached a route by them could mean
// another one to the backend behind it, with the rights of the first.
//
// A path with empty segments, or with . or .. in whatever escaping, is matched by no pattern.
type Matcher struct {
	// Patterns are those of Go's http.ServeMux, without a method and a host: {name} stands for a
	// segment, {name...} at the end for any number of them. At least one is required. What stands for {bot}
	// is the bot that refusals of the request are put down to.
	Patterns []string `json:"patterns,omitempty"`

	paths urlpath.Patterns
}

// CaddyModule returns the Caddy module information.
func (*Matcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.bot_path", New: func() caddy.Module { return new(Matcher) }}
}

// UnmarshalCaddyfile sets up the matcher. Syntax:
//
//	bot_path <pattern...>
func (m *Matcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	for d.Next() {
		patterns := d.RemainingArgs()
		if len(patterns) == 0 {
			return d.ArgErr()
		}
		m.Patterns = append(m.Patterns, patterns...)
		if d.NextBlock(0) {
			return d.Err("bot_path has no block")
		}
	}
	return nil
}

// Provision reads the patterns.
func (m *Matcher) Provision(caddy.Context) error {
	if len(m.Patterns) == 0 {
		return errors.New("bot_path: at least one pattern is required")
	}
	for _, pattern := range m.Patterns {
		if err := m.add(pattern); err != nil {
			return fmt.Errorf("bot_path: %w", err)
		}
	}
	return nil
}

func (m *Matcher) add(pattern string) (err error) {
	if pattern == "" || pattern[0] != '/' {
		return fmt.Errorf("the pattern %q does not begin with a slash", pattern)
	}
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("%v", why)
		}
	}()
	m.paths.Add(pattern)
	return nil
}

// MatchWithError implements [caddyhttp.RequestMatcherWithError]. There is no error.
func (m *Matcher) MatchWithError(r *http.Request) (bool, error) {
	pattern := m.paths.Match(r)
	if bot := urlpath.Value(pattern, r, "bot"); bot != "" {
		refusals.About(r, bot)
	}
	return pattern != nil, nil
}

// Interface guards.
var (
	_ caddy.Provisioner                 = (*Matcher)(nil)
	_ caddyfile.Unmarshaler             = (*Matcher)(nil)
	_ caddyhttp.RequestMatcherWithError = (*Matcher)(nil)
)
