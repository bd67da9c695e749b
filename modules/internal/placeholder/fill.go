package placeholder

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Fill replaces the placeholders of each request, as [caddy.Replacer.ReplaceAll] does. Most patterns are one placeholder
// and nothing else: its value is not copied.
func Fill(repl *caddy.Replacer, pattern string) string {
	if name, ok := single(pattern); ok {
		value, _ := repl.GetString(name)
		return value
	}
	return repl.ReplaceAll(pattern, "")
}

// single returns the name of the placeholder that the pattern is.
func single(pattern string) (name string, ok bool) {
	if !strings.HasPrefix(pattern, "{") || !strings.HasSuffix(pattern, "}") {
		return "", false
	}
	name = pattern[1 : len(pattern)-1]
	return name, !strings.ContainsAny(name, `{}\`)
}
