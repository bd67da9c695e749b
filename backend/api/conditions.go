package api

import (
	"net/http"

	"github.com/botgate/botgate/backend/session"
)

// condition reads what a write asks for. Unlike a read, it does not happen unless its
// condition can be read.
func condition(h http.Header) (session.Condition, error) {
	var when session.Condition
	if lines := h.Values("If-Match"); len(lines) > 0 {
		tags, whatever, ok := entityTags(lines)
		if !ok {
			return when, malformed.because("If-Match takes *, or ETags as they were answered.")
		}
		if when.Exists = true; !whatever {
			when.Versions = []string{} // A weak one names no version.
		}
		for _, t := range tags {
			if !t.weak {
				when.Versions = append(when.Versions, t.value)
			}
		}
	}
	if lines := h.Values("If-None-Match"); len(lines) > 0 {
		if _, whatever, _ := entityTags(lines); !whatever {
			return when, malformed.because("If-None-Match takes * only, when something is written.")
		}
		when.Missing = true
	}
	return when, nil
}
