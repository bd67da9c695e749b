package schema

import (
	"errors"
	"regexp"
)

// uriTemplate is the grammar of RFC 6570, section 2. The library's own check refuses
// templates with operators, such as {/owner} in nearly every payload from GitHub.
var uriTemplate = func() *regexp.Regexp {
	const (
		literal = "[^\\x00-\\x20\"%<>\\\\^`{|}\\x7f]|%[0-9A-Fa-f]{2}"
		char    = "(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})"
		name    = char + `(?:\.?` + char + `)*`
		spec    = name + `(?:\*|:[1-9][0-9]{0,3})?`
	)
	return regexp.MustCompile(`^(?:` + literal + `|\{[+#./;?&=,!@|]?` + spec + `(?:,` + spec + `)*\})*$`)
}()

var errURITemplate = errors.New("not a URI template")

func validateURITemplate(v any) error {
	if s, ok := v.(string); ok && !uriTemplate.MatchString(s) {
		return errURITemplate
	}
	return nil
}
