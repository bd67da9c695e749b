package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/botgate/botgate/backend/session"
)

// entityTag is one of RFC 9110, section 8.8.3.
type entityTag struct {
	value string
	weak  bool
}

// entityTags reads the lines of If-Match or If-None-Match: a list, or "*" for whatever there
// is.
func entityTags(lines []string) (tags []entityTag, whatever, ok bool) {
	rest := strings.Join(lines, ",")
	if strings.Trim(rest, " \t") == "*" {
		return nil, true, true
	}
	for {
		if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
			return tags, false, len(tags) > 0
		}
		var tag entityTag
		rest, tag.weak = strings.CutPrefix(rest, "W/")
		quoted, found := strings.CutPrefix(rest, `"`)
		if !found {
			return nil, false, false
		}
		if tag.value, rest, found = strings.Cut(quoted, `"`); !found {
			return nil, false, false
		}
		if rest = strings.TrimLeft(rest, " \t"); rest != "" && rest[0] != ',' {
			return nil, false, false
		}
		tags = append(tags, tag)
	}
}

// matchesAny reports whether If-None-Match names the version: the caller has it already.
// What can't be read names none.
func matchesAny(lines []string, version string) bool {
	tags, whatever, ok := entityTags(lines)
	return ok && (whatever || slices.ContainsFunc(tags, func(t entityTag) bool { return t.value == version }))
}

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
