package order

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// condition is what a request has matched to be within a route: one of the sets, all of its matchers. Without
// sets every request does.
type condition struct {
	// id is the same in all that is within the route.
	id   int
	sets []matcherSet
	// group is the name of routes of which one request takes only the first that it matches.
	group string
	// epoch counts the rewrites before the route: what was matched before a rewrite says nothing about it afterwards.
	epoch int
}

// implied reports whether each request within the conditions of ctx is certain to match c as well.
func (c *condition) implied(ctx []*condition) bool {
	if len(c.sets) == 0 {
		return true
	}
	return slices.ContainsFunc(ctx, func(known *condition) bool {
		return known.tells(c) && all(known.sets, func(s matcherSet) bool {
			return slices.ContainsFunc(c.sets, func(wanted matcherSet) bool { return wanted.impliedBy(s, c, ctx) })
		})
	})
}

// tells reports whether the conditions are about the same request, not rewritten in between.
func (c *condition) tells(other *condition) bool { return len(c.sets) > 0 && c.epoch == other.epoch }

// impliedBy reports whether the matchers are certain to match what narrow matches, within the conditions of ctx.
func (s matcherSet) impliedBy(narrow matcherSet, c *condition, ctx []*condition) bool {
	for name, value := range s {
		elsewhere := func(known *condition) bool {
			return known.tells(c) && all(known.sets, func(other matcherSet) bool { return other.implies(name, value) })
		}
		if !narrow.implies(name, value) && !slices.ContainsFunc(ctx, elsewhere) {
			return false
		}
	}
	return true
}

// implies reports whether what the set matches is certain to match one more matcher.
func (s matcherSet) implies(name string, value json.RawMessage) bool {
	if own, ok := s[name]; ok && sameJSON(own, value) {
		return true
	}
	switch name {
	case "path":
		wanted := read[[]string](value)
		narrow := s.paths()
		return len(narrow) > 0 && all(narrow, func(p pathPattern) bool {
			return slices.ContainsFunc(wanted, func(text string) bool { return newPathPattern(text).covers(p) })
		})
	case "method", "host":
		wanted, own := read[[]string](value), read[[]string](s[name])
		return len(own) > 0 && all(own, func(v string) bool {
			return slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(v, w) })
		})
	case "not":
		sets := read[[]matcherSet](value)
		return len(sets) > 0 && all(sets, s.disjoint)
	}
	return false
}

// excluded reports whether it is certain that no request within the conditions of ctx matches c.
func (c *condition) excluded(ctx []*condition) bool {
	return len(c.sets) > 0 && all(c.sets, func(wanted matcherSet) bool {
		return slices.ContainsFunc(ctx, func(known *condition) bool {
			return known.tells(c) && all(known.sets, wanted.disjoint)
		})
	})
}

// disjoint reports whether it is certain that no request matches both sets.
func (s matcherSet) disjoint(other matcherSet) bool {
	a, b := s.paths(), other.paths()
	if len(a) > 0 && len(b) > 0 && all(a, func(p pathPattern) bool { return !slices.ContainsFunc(b, p.meets) }) {
		return true
	}
	for _, name := range []string{"method", "host"} {
		own, others := read[[]string](s[name]), read[[]string](other[name])
		shared := func(v string) bool {
			return strings.ContainsAny(v, "*{") || slices.ContainsFunc(others, func(o string) bool {
				return strings.ContainsAny(o, "*{") || strings.EqualFold(v, o)
			})
		}
		if len(own) > 0 && len(others) > 0 && !slices.ContainsFunc(own, shared) {
			return true
		}
	}
	return false
}

// pathPattern is what is known of paths: their beginning, or all of them.
type pathPattern struct {
	prefix string
	exact  bool
	// loose is a pattern that does not match everything with its prefix.
	loose bool
}

// newPathPattern reads a pattern of the matcher path, which knows no case.
func newPathPattern(text string) pathPattern {
	text = strings.ToLower(text)
	i := strings.IndexAny(text, "*{%") // Wild, a placeholder, or to be compared as it is sent.
	if i < 0 {
		return pathPattern{prefix: text, exact: true}
	}
	return pathPattern{prefix: text[:i], loose: text[i:] != "*"}
}

// covers reports whether the pattern is certain to match all that narrow does.
func (p pathPattern) covers(narrow pathPattern) bool {
	if p.exact {
		return narrow.exact && p.prefix == narrow.prefix
	}
	return !p.loose && strings.HasPrefix(narrow.prefix, p.prefix)
}

// meets reports whether one path may fit both.
func (p pathPattern) meets(other pathPattern) bool {
	switch {
	case p.exact && other.exact:
		return p.prefix == other.prefix
	case p.exact:
		return strings.HasPrefix(p.prefix, other.prefix)
	case other.exact:
		return strings.HasPrefix(other.prefix, p.prefix)
	}
	return strings.HasPrefix(p.prefix, other.prefix) || strings.HasPrefix(other.prefix, p.prefix)
}

// paths are the paths that the set may match, nil where nothing is known of them.
func (s matcherSet) paths() (patterns []pathPattern) {
	for _, text := range read[[]string](s["path"]) {
		patterns = append(patterns, newPathPattern(text))
	}
	if len(patterns) > 0 {
		return patterns
	}
	for _, text := range read[struct {
		Patterns []string `json:"patterns"`
	}](s["bot_path"]).Patterns {
		prefix, _, wild := strings.Cut(strings.ToLower(text), "{")
		patterns = append(patterns, pathPattern{prefix: prefix, exact: !wild, loose: wild})
	}
	if len(patterns) > 0 {
		return patterns
	}
	if prefix := literalPrefix(read[struct {
		Pattern string `json:"pattern"`
	}](s["path_regexp"]).Pattern); prefix != "" {
		return []pathPattern{{prefix: strings.ToLower(prefix), loose: true}}
	}
	return nil
}

// literalPrefix is the text that all matches of an anchored regular expression begin with, "" where there is none.
func literalPrefix(pattern string) string {
	rest, anchored := strings.CutPrefix(pattern, "^")
	// An alternative beside the anchored one would match anywhere.
	if !anchored || strings.Contains(rest, "|") {
		return ""
	}
	expression, err := regexp.Compile(rest)
	if err != nil {
		return ""
	}
	prefix, _ := expression.LiteralPrefix()
	return prefix
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x != nil && reflect.DeepEqual(x, y)
}

// all reports whether it holds for all of at least one.
func all[T any](list []T, holds func(T) bool) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(v T) bool { return !holds(v) })
}
