package api

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
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

// versionOf is the strong entity tag of a document: equal ones are equal byte for byte.
func versionOf(document []byte) string {
	sum := sha256.Sum256(document)
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}
