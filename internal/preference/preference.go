// Package preference reads the header Prefer of requests (RFC 7240).
package preference

import (
	"net/http"
	"strings"
)

// Value returns the value of a preference: of several the first, as section 2 has it; empty for one without a value. It
// reports whether the client has the preference.
func Value(header http.Header, wanted string) (value string, ok bool) {
	for _, line := range header.Values("Prefer") {
		for given := range strings.SplitSeq(line, ",") {
			given, _, _ = strings.Cut(given, ";")
			name, value, _ := strings.Cut(given, "=")
			if strings.EqualFold(strings.TrimSpace(name), wanted) {
				return strings.Trim(strings.TrimSpace(value), `"`), true
			}
		}
	}
	return "", false
}
