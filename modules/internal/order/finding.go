package order

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Finding is something about a handler that an operator has to know.
type Finding struct {
	// Fatal is what the configuration must not be used with.
	Fatal bool
	// Server is the name of the server, and Place where the handler is in its JSON.
	Server, Place string
	// Route are the matchers of the routes that the handler is within.
	Route string
	// Handler is its name, and Text what is the matter with it.
	Handler, Text string
}

// String is one line for an operator.
func (f Finding) String() string {
	return fmt.Sprintf("%s in the route of %s (servers.%s.%s) %s", f.Handler, cmp.Or(f.Route, "all requests"), f.Server, f.Place, f.Text)
}

// Err joins those that are fatal; nil without any.
func Err(all []Finding) error {
	var errs []error
	for _, f := range all {
		if f.Fatal {
			errs = append(errs, errors.New(f.String()))
		}
	}
	return errors.Join(errs...)
}

// Config is what is looked at.
type Config struct {
	// HTTP is the JSON of Caddy's app http.
	HTTP json.RawMessage
	// Backends are addresses of the backend's API, which asks nobody for a token, beside those that the
	// configuration itself shows.
	Backends []string
}

// Check returns what it finds, in an order of its own.
func Check(c Config) []Finding {
	config := read[app](c.HTTP)
	var walkers []*walker
	steps := 0
	for _, name := range slices.Sorted(maps.Keys(config.Servers)) {
		if s := config.Servers[name]; s != nil {
			walkers = append(walkers, walk(name, s, &steps))
		}
	}
	if steps > maxSteps {
		return []Finding{{Fatal: true, Handler: "invoke", Text: "makes more routes of the named ones than can be looked through"}}
	}
	backends := map[string]bool{}
	for _, address := range c.Backends {
		backends[address] = true
	}
	for _, w := range walkers {
		w.collectBackends(backends)
	}
	var found []Finding
	for _, w := range walkers {
		for i := range w.targets {
			w.judge(&w.targets[i], backends)
		}
		found = append(found, w.all...)
	}
	return found
}

func walk(name string, s *server, steps *int) *walker {
	w := &walker{named: s.Named, first: map[string]*route{}, steps: steps, findings: findings{server: name}}
	w.routes(s.Routes, nil, "routes", new(state))
	if s.Errors != nil {
		w.routes(s.Errors.Routes, nil, "errors.routes", new(state))
	}
	return w
}

// collectBackends notes the API's addresses, and what is reached below its and the webhooks' paths by those who were
// verified.
func (w *walker) collectBackends(backends map[string]bool) {
	for _, t := range w.targets {
		if t.name == nameAPI || t.role == roleProxy && t.verified && below(t.when, "/v1/", "/hooks/") {
			for _, to := range t.to {
				backends[to] = true
			}
		}
	}
}

// judge finds a target that is for everybody without saying so.
func (w *walker) judge(t *target, backends map[string]bool) {
	switch {
	case t.checked:
	case t.role == roleEnqueue && t.partly != "":
		w.warn(t.seen, t.place, fmt.Sprintf("has requests that %s does not see, and refuses them: give both the same matcher", t.partly))
	case t.role == roleEnqueue:
		w.fail(t.seen, t.place, "has no check of who sends before it: put bot_jwt or bot_signature there,"+
			" or the option open into its block if everybody may send")
	case isPublic(t):
	case t.name == nameAPI || below(t.when, "/v1/", "/hooks/") || slices.ContainsFunc(t.to, func(to string) bool { return backends[to] }):
		w.fail(t.seen, t.place, w.unchecked(t))
	case w.own:
		w.warn(t.seen, t.place, w.unchecked(t))
	}
}

func (w *walker) unchecked(t *target) string {
	what := "has no check of who asks before it"
	if t.partly != "" {
		what = fmt.Sprintf("has requests that %s before it does not see", t.partly)
	}
	to := ""
	if len(t.to) > 0 {
		to = ", to " + strings.Join(t.to, " ")
	}
	return fmt.Sprintf("%s%s: put bot_jwt there, or bot_open if everybody may ask", what, to)
}

// below reports whether all paths within the conditions begin with one of the prefixes.
func below(ctx []*condition, prefixes ...string) bool {
	return slices.ContainsFunc(ctx, func(c *condition) bool {
		return all(c.sets, func(s matcherSet) bool {
			return all(s.paths(), func(p pathPattern) bool {
				return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(p.prefix+"/", prefix) })
			})
		})
	})
}

// isPublic reports whether the target gets nothing but addresses that hold no secret.
func isPublic(t *target) bool {
	public := []string{"/openapi.json", "/openapi.html", "/healthz", "/readyz", "/readyz/self"}
	return slices.ContainsFunc(t.when, func(c *condition) bool {
		return c.epoch == t.epoch && all(c.sets, func(s matcherSet) bool {
			return all(s.paths(), func(p pathPattern) bool { return p.exact && slices.Contains(public, p.prefix) })
		})
	})
}

// findings collects what is found in a server.
type findings struct {
	server string
	all    []Finding
}

func (f *findings) fail(h seen, place, text string) { f.add(true, h, place, text) }
func (f *findings) warn(h seen, place, text string) { f.add(false, h, place, text) }

func (f *findings) add(fatal bool, h seen, place, text string) {
	f.all = append(f.all, Finding{fatal, f.server, place, describe(h.when), h.name, text})
}

// plain is the value of a matcher, a list of texts as in a Caddyfile.
func plain(value json.RawMessage) string {
	if texts := read[[]string](value); len(texts) > 0 {
		return strings.Join(texts, " ")
	}
	return strings.ReplaceAll(string(value), `"`, "")
}

// maxDescription is how much of the matchers is shown, in bytes.
const maxDescription = 200

// describe names the matchers of the conditions.
func describe(ctx []*condition) string {
	var parts []string
	for _, c := range ctx {
		for _, s := range c.sets {
			for _, name := range slices.Sorted(maps.Keys(s)) {
				parts = append(parts, name+" "+plain(s[name]))
			}
		}
	}
	text := strings.Join(parts, ", ")
	if len(text) > maxDescription {
		text = strings.ToValidUTF8(text[:maxDescription], "") + " …"
	}
	return text
}
