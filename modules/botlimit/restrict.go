package botlimit

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/restrict"
	"github.com/botgate/botgate/modules/internal/delivery"
)

// placeholders finds what a key, a plan or a cost is made of, and those of shells, which nothing replaces.
var placeholders = regexp.MustCompile(`\$?\{([^{}]*)\}`)

// Where placeholders come from, by the beginnings of their names.
var (
	// written is what callers make up as they like.
	written = regexp.MustCompile(`^http\.request\.(header\.|cookie\.|body|uri\.(prefixed_)?query|uri(_escaped)?$|` +
		`orig_uri\.(prefixed_)?query|orig_uri$)`)
	// chosen is what callers choose as far as the routes take it.
	chosen = regexp.MustCompile(`^http\.request\.(host|port$|uri\.path|orig_uri\.path)`)
	// fresh is never the same twice, so that what it is part of never reaches a limit.
	fresh = regexp.MustCompile(`^(http\.request\.(uuid$|duration|remote$|remote\.port$)|time\.now(\.[^y]|$))`)
	// global is known when the configuration is loaded.
	global = regexp.MustCompile(`^(env|file|system)\.`)
	// decided are names of which Caddy or Botgate knows each.
	decided = regexp.MustCompile(`^(http\.(request|response|auth|bot)\.|args\[|\$)`)
	// foreign are names that other handlers and matchers make.
	foreign = regexp.MustCompile(`^http\.(vars|regexp|matchers|reverse_proxy|error|intercept)\.`)
)

// restricts reports placeholders with which the zone would limit nobody, or as the caller likes.
func (z *Zone) restricts() error {
	names := newNames()
	for _, o := range []struct{ name, value string }{{"key", z.Key}, {"plan", z.Plan}, {"cost", z.Cost}} {
		if o.value == "" { // Not given.
			continue
		}
		if err := names.check(o.value); err != nil {
			return fmt.Errorf("option %s: %w", o.name, err)
		}
		if o.name == "key" {
			continue
		}
		if found := first(o.value, written); found != "" {
			return fmt.Errorf("option %s: the caller writes {%s}, and so how much it may send: "+
				"take what is verified, such as a claim", o.name, found)
		}
	}
	if found := first(z.Key, fresh); found != "" {
		return fmt.Errorf("option key: {%s} is never the same twice, so that nothing reaches the limit", found)
	}
	if slices.Contains(z.Exempt, z.Key) {
		return fmt.Errorf("option exempt: %q is everybody's key", z.Key)
	}
	return nil
}

// first returns the name of the first placeholder of that kind, or nothing.
func first(value string, kind *regexp.Regexp) string {
	for _, found := range placeholders.FindAllStringSubmatch(value, -1) {
		if kind.MatchString(found[1]) {
			return found[1]
		}
	}
	return ""
}

// names tells the placeholders that there are, with one request that stands for all.
type names struct{ repl *caddy.Replacer }

func newNames() names {
	repl := caddy.NewReplacer()
	ctx := context.WithValue(context.Background(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{}))
	if r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil); err == nil {
		caddyhttp.PrepareRequest(r, repl, nil, &caddyhttp.Server{})
	}
	return names{repl}
}

// check reports a value with a placeholder that does not exist, or with nothing to count by.
func (n names) check(value string) error {
	for _, found := range placeholders.FindAllStringSubmatch(value, -1) {
		name := found[1]
		switch {
		case global.MatchString(name):
			if text, known := n.repl.GetString(name); !known || strings.TrimSpace(text) == "" {
				return fmt.Errorf("the placeholder {%s} is not known or comes out empty", name)
			}
		case name == "" || found[0][0] == '$' || (decided.MatchString(name) && !n.exists(name)):
			return fmt.Errorf("there is no placeholder %s: nothing sets it", found[0])
		}
	}
	return restrict.Text(placeholders.ReplaceAllString(value, "x"))
}

// exists reports whether a handler of Botgate, or Caddy for each request, sets the placeholder. Any claim
// may be in a token, and what is known of TLS only a request over TLS tells.
func (n names) exists(name string) bool {
	switch {
	case strings.HasPrefix(name, "http.bot."):
		return name == botclaim.Placeholder || delivery.IsPlaceholder(name)
	case strings.HasPrefix(name, "http.auth."):
		claim, ok := strings.CutPrefix(name, "http.auth.user.")
		return ok && claim != ""
	case strings.HasPrefix(name, "http.request.tls."):
		return true
	}
	_, known := n.repl.Get(name)
	return known
}

// doubts warns of what somebody can mean, but more likely does not.
func (z *Zone) doubts(logger *slog.Logger) {
	logger, names := logger.With(slog.String("zone", z.Name)), newNames()
	for _, found := range placeholders.FindAllStringSubmatch(z.Key+z.Plan+z.Cost, -1) {
		name := found[1]
		log := logger.With(slog.String("placeholder", found[0]))
		_, known := names.repl.Get(name)
		switch {
		case written.MatchString(name), chosen.MatchString(name):
			log.Warn("bot_rate_limit: callers write what the zone goes by, and can write something else each time: " +
				"take their address, or what is verified")
		case !known && !decided.MatchString(name) && !foreign.MatchString(name):
			log.Warn("bot_rate_limit: neither Caddy nor Botgate has the placeholder, so that it is empty unless " +
				"another handler sets it")
		}
	}
	if mayLack(z.Key) && slices.Contains(z.Exempt, "") {
		logger.Warn("bot_rate_limit: tokens without the claim have no limit, by exempt \"\": see require_claim of bot_jwt",
			slog.String("placeholder", z.Key))
	}
}

// mayLack reports whether the key is a claim that a token may lack by a slip. One without "bot" is for all
// bots, and others do without a user only where nobody was authenticated.
func mayLack(key string) bool {
	return single(key) && strings.HasPrefix(key, "{http.auth.user.") &&
		!slices.Contains([]string{"{http.auth.user.id}", "{http.auth.user.sub}", "{http.auth.user.bot}"}, key)
}
