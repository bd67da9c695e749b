package address

import (
	"regexp"
	"strings"
)

// plain matches addresses whose parts can be told apart for sure. What stands
// before the '@' and in the query may be a password; the groups leave both out.
var plain = regexp.MustCompile(
	`^([a-z][a-z0-9]*://)(?:[^@/?#]*@)?((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?(?:,(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?)*)?(/[^@?#]*)?(?:\?[^@]*)?$`)

// Redact returns an address without what may be a secret: user,
// password and query. An address that can't be taken apart for sure shows its scheme only.
func Redact(url string) string {
	if url == "" || strings.HasPrefix(url, "sqlite:") || strings.HasPrefix(url, "file:") {
		return url
	}
	if m := plain.FindStringSubmatch(url); m != nil {
		return m[1] + m[2] + m[3]
	}
	scheme, _, found := strings.Cut(url, "://")
	if !found {
		return "[redacted]"
	}
	return scheme + "://[redacted]"
}
