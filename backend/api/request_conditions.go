package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/internal/problem"
)

// condition reads If-Match and If-None-Match of a write. Unlike in a read, malformed ones are an error.
func condition(h http.Header) (session.Condition, error) {
	var when session.Condition
	if lines := h.Values("If-Match"); len(lines) > 0 {
		tags, anyTag, ok := entityTags(lines)
		if !ok {
			return when, problem.Malformed.WithDetail("If-Match takes *, or ETags as they were answered.")
		}
		if when.Exists = true; !anyTag {
			when.Versions = []string{} // A weak one names no version.
		}
		for _, t := range tags {
			if !t.weak {
				when.Versions = append(when.Versions, t.value)
			}
		}
	}
	if lines := h.Values("If-None-Match"); len(lines) > 0 {
		if _, anyTag, _ := entityTags(lines); !anyTag {
			return when, problem.Malformed.WithDetail("If-None-Match takes * only, when something is written.")
		}
		when.Missing = true
	}
	return when, nil
}

// entityTag is one of RFC 9110, section 8.8.3.
type entityTag struct {
	value string
	weak  bool
}

// nextTag is the first entity tag of a list, with what separates it from the next.
var nextTag = regexp.MustCompile(`^(W/)?"([^"]*)"[ \t]*(?:$|,[ \t,]*)`)

// entityTags reads the lines of If-Match or If-None-Match: a list, or "*" for any.
func entityTags(lines []string) (tags []entityTag, anyTag, ok bool) {
	rest := strings.Join(lines, ",")
	if strings.Trim(rest, " \t") == "*" {
		return nil, true, true
	}
	for rest = strings.TrimLeft(rest, " \t,"); rest != ""; {
		found := nextTag.FindStringSubmatch(rest)
		if found == nil {
			return nil, false, false
		}
		tags = append(tags, entityTag{value: found[2], weak: found[1] != ""})
		rest = rest[len(found[0]):]
	}
	return tags, false, len(tags) > 0
}

// matchesAny reports whether If-None-Match has the version, which means that the caller has it. Malformed lines have
// none.
func matchesAny(lines []string, version string) bool {
	tags, anyTag, ok := entityTags(lines)
	return ok && (anyTag || slices.ContainsFunc(tags, func(t entityTag) bool { return t.value == version }))
}

// versionOf is the strong entity tag of a document: equal tags mean equal bytes.
func versionOf(document []byte) string {
	sum := sha256.Sum256(document)
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}
