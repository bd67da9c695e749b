package event

import (
	"errors"
	"iter"
	"net/http"
	"strings"
)

// MaxHeaders is how much the headers of an event take at most, in bytes.
const MaxHeaders = 4096

// ErrHeaders means that the headers of a request are too large to go with its event.
var ErrHeaders = errors.New("event: the headers that go with it are too large")

// Headers are headers of the accepting request that its bot is to see, each as "Name: value" and a line feed. They
// may be secrets: no log, API or page has them.
type Headers string

// HeadersOf returns the headers of the names, which are in the form of [http.CanonicalHeaderKey]. A value that is not
// printable ASCII is left out. More than [MaxHeaders] are [ErrHeaders].
func HeadersOf(h http.Header, names []string) (Headers, error) {
	var b strings.Builder
	for _, name := range names {
		for _, value := range h[name] {
			if !printable(value) {
				continue
			}
			if b.Len()+len(name)+len(value)+len(": \n") > MaxHeaders {
				return "", ErrHeaders
			}
			b.WriteString(name + ": " + value + "\n")
		}
	}
	return Headers(b.String()), nil
}

// All yields the names and values, in their order.
func (h Headers) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for line := range strings.Lines(string(h)) {
			name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if found && !yield(name, value) {
				return
			}
		}
	}
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
