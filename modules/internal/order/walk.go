package order

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxSteps bounds the walk: named routes that invoke each other can multiply.
const maxSteps = 1 << 18

// seen is a handler that stands before others.
type seen struct {
	name string
	role role
	// when are the conditions that it stands under.
	when []*condition
}

// state is what a request may have gone through.
type state struct {
	// before are checks, and what lets everybody in; ends are handlers after which nothing runs; caches may answer.
	before, ends, caches []seen
	epoch                int
}

func (s state) clone() state {
	return state{slices.Clip(s.before), slices.Clip(s.ends), slices.Clip(s.caches), s.epoch}
}

// walker goes through the routes of one server as a request does.
type walker struct {
	named map[string]*route
	// invoked are the named routes that are gone through at present.
	invoked []string
	// first are the first routes of groups, which are of one request wherever they stand.
	first   map[string]*route
	ids     int
	epochs  int
	steps   *int
	targets []target
	// own reports that there are handlers of Botgate.
	own bool
	findings
}

// target is a handler that takes or proxies requests.
type target struct {
	seen
	place string
	// to are the addresses of a proxy.
	to []string
	// checked reports that no request reaches it unverified, or that this is meant so; by a token or a signature.
	checked, verified bool
	// partly names a check that some requests may pass, where there is one.
	partly string
	epoch  int
}

// routes goes through a list of routes in their order.
func (w *walker) routes(list []route, ctx []*condition, place string, st *state) {
	groups := map[string]*group{}
	// rewritten is the state after the routes of the groups but one, of which a request takes no more than one.
	rewritten := func(but *group) {
		for _, g := range groups {
			if g != but {
				st.epoch = max(st.epoch, g.epoch)
			}
		}
	}
	for i := range list {
		r := &list[i]
		at := fmt.Sprintf("%s[%d]", place, i)
		g := groups[r.Group]
		if g == nil && r.Group != "" {
			g = &group{guarded: true}
			groups[r.Group] = g
		}
		rewritten(g)
		if g == nil {
			w.route(r, ctx, at, st)
			continue
		}
		w.member(r, g, ctx, at, st)
	}
	rewritten(nil)
}

// group is what is known of routes of which a request takes the first that it matches.
type group struct {
	// epoch counts the rewrites in all of them.
	epoch int
	// guarded reports that a request that has taken one of the routes so far was checked; whole, that the
	// first route of the group is among them.
	guarded, whole bool
}

// member goes through a route of a group. A later one knows nothing of the others, but that they are not taken, and
// only what the first one checks is certain for what follows.
func (w *walker) member(r *route, g *group, ctx []*condition, place string, st *state) {
	checks, ends, epoch := len(st.before), len(st.ends), st.epoch
	within := w.route(r, ctx, place, st)
	g.epoch, st.epoch = max(g.epoch, st.epoch), epoch
	g.guarded = g.guarded && (w.certain(st.before, within) != nil || w.certain(st.ends, within) != nil)
	if w.first[r.Group] == nil {
		w.first[r.Group] = r
	}
	if w.first[r.Group] == r {
		g.whole = true
		return
	}
	st.before, st.ends = st.before[:checks:checks], st.ends[:ends:ends]
	if len(r.Match) == 0 && g.guarded && g.whole {
		st.before = append(st.before, seen{"the checks of the routes before", roleCheck, ctx})
	}
}

// route goes through the handlers of a route and returns the conditions within it.
func (w *walker) route(r *route, ctx []*condition, place string, st *state) []*condition {
	if len(r.Match) > 0 || r.Group != "" {
		w.ids++
		ctx = append(slices.Clip(ctx), &condition{w.ids, r.Match, r.Group, st.epoch})
	}
	*w.steps++
	for i, raw := range r.Handle {
		if *w.steps++; *w.steps > maxSteps {
			return ctx
		}
		w.handler(raw, ctx, fmt.Sprintf("%s.handle[%d]", place, i), st)
	}
	return ctx
}

// handler goes through one handler.
func (w *walker) handler(raw json.RawMessage, ctx []*condition, place string, st *state) {
	name := read[named](raw).Name
	h := seen{name, roles[name], ctx}
	w.own = w.own || strings.HasPrefix(name, "bot_")
	switch h.role {
	case roleCheck, roleLimit, roleSchema, roleCache, roleOpen:
		w.check(h, raw, place, st)
	case roleEnqueue:
		open := read[struct {
			Open bool `json:"open"`
		}](raw).Open
		w.target(h, nil, open, place, st)
	case roleProxy:
		w.proxy(h, read[proxy](raw), place, st)
	case roleIntercept:
		w.responses(read[proxy](raw), ctx, place, st)
	case roleEnd:
		st.ends = append(st.ends, h)
	case roleRewrite:
		w.epochs++
		st.epoch = w.epochs
	case roleSubroute:
		sub := read[subroute](raw)
		if sub.Errors != nil {
			failed := st.clone()
			w.routes(sub.Errors.Routes, ctx, place+".errors.routes", &failed)
		}
		w.routes(sub.Routes, ctx, place+".routes", st)
	case roleInvoke:
		w.invoke(raw, ctx, st)
	case roleOther:
	}
}

// invoke goes through a named route in the place of the handler that invokes it.
func (w *walker) invoke(raw json.RawMessage, ctx []*condition, st *state) {
	name := read[struct {
		Name string `json:"name"`
	}](raw).Name
	r := w.named[name]
	if r == nil || slices.Contains(w.invoked, name) {
		return
	}
	w.invoked = append(w.invoked, name)
	w.route(r, ctx, fmt.Sprintf("named_routes[%s]", name), st)
	w.invoked = w.invoked[:len(w.invoked)-1]
}

// check notes a check for the handlers after it.
func (w *walker) check(h seen, raw json.RawMessage, place string, st *state) {
	end := w.certain(st.ends, h.when, roleEnqueue, roleProxy)
	if end != nil && h.role != roleOpen && strings.HasPrefix(h.name, "bot_") {
		w.fail(h, place, fmt.Sprintf("stands after %s, so that it never runs: put it before", end.name))
	}
	switch h.role {
	case roleCheck:
		w.cached(h, place, st)
		st.before = append(st.before, h)
	case roleOpen:
		st.before = append(st.before, h)
	case roleCache:
		st.caches = append(st.caches, h)
	case roleLimit:
		w.limit(h, read[limiter](raw), place, st)
	default:
	}
}

// cached finds a check that a cache gets ahead of.
func (w *walker) cached(h seen, place string, st *state) {
	if cache := w.possible(st.caches, h.when, roleCache); cache != nil {
		w.fail(h, place, fmt.Sprintf("stands after %s, which gives what it has kept to whoever asks: put %s after it", cache.name, cache.name))
	}
}

// proxy notes a proxy, or the check that forward_auth makes of it.
func (w *walker) proxy(h seen, p proxy, place string, st *state) {
	w.responses(p, h.when, place, st)
	if p.asksFirst() {
		check := seen{"forward_auth", roleCheck, h.when}
		w.cached(check, place, st)
		st.before = append(st.before, check)
		return
	}
	var to []string
	for _, upstream := range p.Upstreams {
		to = append(to, upstream.Dial)
	}
	w.target(h, to, false, place, st)
}

// responses goes through the routes for the answers of an upstream.
func (w *walker) responses(p proxy, ctx []*condition, place string, st *state) {
	for i, response := range p.Responses {
		answered := st.clone()
		w.routes(response.Routes, ctx, fmt.Sprintf("%s.handle_response[%d].routes", place, i), &answered)
	}
}

// target notes a handler that takes requests, with what stands before it.
func (w *walker) target(h seen, to []string, open bool, place string, st *state) {
	before := st.before
	if h.role == roleEnqueue { // It finds out by itself who was verified, and forward_auth leaves no trace.
		before = slices.DeleteFunc(slices.Clone(before), func(s seen) bool { return s.role == roleOpen || s.name == "forward_auth" })
	}
	t := target{seen: h, place: place, to: to, epoch: st.epoch, checked: open || w.certain(before, h.when) != nil}
	t.verified = w.certain(before, h.when, roleCheck) != nil
	if check := w.possible(before, h.when, roleCheck); check != nil {
		t.partly = check.name
	}
	w.targets = append(w.targets, t)
	st.ends = append(st.ends, h)
}

// certain returns one of the handlers that each request within the conditions has reached before; of the
// given roles, where there are any.
func (w *walker) certain(handlers []seen, ctx []*condition, of ...role) *seen {
	return find(handlers, of, func(c *condition) bool {
		return !sameGroup(c, ctx) && c.implied(ctx)
	}, ctx)
}

// possible returns a handler of the role that some requests may have passed before.
func (w *walker) possible(handlers []seen, ctx []*condition, of role) *seen {
	return find(handlers, []role{of}, func(c *condition) bool {
		return !sameGroup(c, ctx) && !c.excluded(ctx)
	}, ctx)
}

// find returns the last of the handlers all of whose conditions are those of ctx, or hold.
func find(handlers []seen, of []role, holds func(*condition) bool, ctx []*condition) *seen {
	for i := len(handlers) - 1; i >= 0; i-- {
		h := &handlers[i]
		if (len(of) == 0 || slices.Contains(of, h.role)) && !slices.ContainsFunc(h.when, func(c *condition) bool {
			return !slices.Contains(ctx, c) && !holds(c)
		}) {
			return h
		}
	}
	return nil
}

// sameGroup reports whether a request within ctx has taken another route of the condition's group.
func sameGroup(c *condition, ctx []*condition) bool {
	return c.group != "" && slices.ContainsFunc(ctx, func(other *condition) bool { return other.group == c.group })
}
