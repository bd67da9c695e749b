// Package urlpath is the one reading of paths on which the gateway's routes and the backend's API
// agree: by segments as they were sent, each of which is decoded for itself. So `%2F` and `%5C` are
// characters of a name and never end it.
package urlpath

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Clear reports whether an escaped path can be read in one way only. It can't where a part of it is
// empty, "." or "..", which servers take away together with what is before it; it makes no difference
// whether slashes, backslashes and dots are escaped.
func Clear(escaped string) bool {
	rest, more := strings.CutPrefix(escaped, "/")
	if !more {
		return false
	}
	for more {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		name, err := url.PathUnescape(segment)
		if err != nil || name == "" && more || hasDots(name) {
			return false
		}
	}
	return true
}

// hasDots reports whether a name has a part that is "." or "..".
func hasDots(name string) bool {
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// Patterns matches paths as the backend's API finds its routes.
type Patterns struct {
	mux http.ServeMux
	// all are the patterns, as segments.
	all [][]string
	// special says that the mux has to be asked: a pattern ends with a slash, or has escapes.
	special bool
}

// matched is the handler of all patterns. The mux has others of its own, which redirect.
type matched struct{}

// ServeHTTP is never asked.
func (matched) ServeHTTP(http.ResponseWriter, *http.Request) {}

// Add adds a pattern of [http.ServeMux] without a method, such as /v1/users/{user}/data. Like it, Add
// panics for one that is malformed or conflicts with another one.
func (p *Patterns) Add(pattern string) {
	p.mux.Handle(pattern, matched{})
	p.all = append(p.all, segmentsOf(pattern))
	p.special = p.special || strings.HasSuffix(pattern, "/") || strings.HasSuffix(pattern, "/{$}") || strings.Contains(pattern, "%")
}

// Match returns the pattern, as segments, that has the request's path; nil where the path is not clear or none has it.
func (p *Patterns) Match(r *http.Request) []string {
	escaped := r.URL.EscapedPath()
	if !Clear(escaped) {
		return nil
	}
	if p.special {
		handler, pattern := p.mux.Handler(r)
		if _, ok := handler.(matched); !ok {
			return nil
		}
		return segmentsOf(pattern)
	}
	if i := slices.IndexFunc(p.all, func(segments []string) bool { return fits(segments, escaped) }); i >= 0 {
		return p.all[i]
	}
	return nil
}

func segmentsOf(pattern string) []string { return strings.Split(pattern, "/")[1:] }

// Value is what stands in the request's path for {name} in the pattern that has it; empty where there is none.
func Value(pattern []string, r *http.Request, name string) string {
	i := slices.Index(pattern, "{"+name+"}")
	if i < 0 {
		return ""
	}
	segment := r.URL.EscapedPath()
	for range i + 1 {
		_, segment, _ = strings.Cut(segment, "/")
	}
	segment, _, _ = strings.Cut(segment, "/")
	value, _ := url.PathUnescape(segment) // A clear path has no malformed escape.
	return value
}

// fits reports whether a pattern that is not special has a clear path, as the mux finds out with more effort.
func fits(segments []string, escaped string) bool {
	for _, segment := range segments {
		if escaped == "" {
			return false
		}
		if strings.HasSuffix(segment, "...}") {
			return true
		}
		name, _, _ := strings.Cut(escaped[1:], "/")
		escaped = escaped[1+len(name):]
		if name == "" { // The path ends with a slash.
			return false
		}
		if !strings.HasPrefix(segment, "{") {
			if literal, _ := url.PathUnescape(name); literal != segment {
				return false
			}
		}
	}
	return escaped == ""
}
