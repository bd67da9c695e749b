// Package urlpath is the one reading of paths on which the gateway's routes and the backend's API
// agree: by segments as they were sent, each of which is decoded for itself. So `%2F` and `%5C` are
// characters of a name and never end it.
package urlpath

import (
	"net/http"
	"net/url"
	"strings"
)

// Clear reports whether an escaped path can be read in one way only. It can't where a part of it is
// empty, "." or "..", which servers take away together with what is before it; it makes no difference
// whether slashes, backslashes and dots are escaped.
func Clear(escaped string) bool {
	segments := strings.Split(escaped, "/")
	if len(segments) < 2 || segments[0] != "" {
		return false
	}
	for i, segment := range segments[1:] {
		if segment == "" && i < len(segments)-2 {
			return false
		}
		name, err := url.PathUnescape(segment)
		if err != nil || hasDots(name) {
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
type Patterns struct{ mux http.ServeMux }

// matched is the handler of all patterns. The mux has others of its own, which redirect.
type matched struct{}

// ServeHTTP is never asked.
func (matched) ServeHTTP(http.ResponseWriter, *http.Request) {}

// Add adds a pattern of [http.ServeMux] without a method, such as /v1/users/{user}/data. Like it, Add
// panics for one that is malformed or conflicts with another one.
func (p *Patterns) Add(pattern string) { p.mux.Handle(pattern, matched{}) }

// Match reports whether the request's path is clear and one of the patterns has it.
func (p *Patterns) Match(r *http.Request) bool {
	if !Clear(r.URL.EscapedPath()) {
		return false
	}
	handler, _ := p.mux.Handler(r)
	_, ok := handler.(matched)
	return ok
}
