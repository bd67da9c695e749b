package schemacheck

import (
	"regexp"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// text holds the keywords for strings. Lengths are in characters, and -1 where there is no limit.
type text struct {
	least, most int
	pattern     *regexp.Regexp
	unknown     bool
}

func textOf(s *jsonschema.Schema) *text {
	if s.MinLength == nil && s.MaxLength == nil && s.Pattern == nil {
		return nil
	}
	t := &text{least: orNone(s.MinLength), most: orNone(s.MaxLength)}
	if s.Pattern != nil {
		t.pattern = pattern(s.Pattern)
		t.unknown = t.pattern == nil
	}
	return t
}

func (t *text) valid(s []byte) bool {
	// A character has one to four bytes.
	if t.least > len(s) || t.most >= 0 && len(s) > t.most*utf8.UTFMax {
		return false
	}
	if t.least*utf8.UTFMax > len(s) || t.most >= 0 && t.most < len(s) {
		if !within(utf8.RuneCount(s), t.least, t.most) {
			return false
		}
	}
	return t.pattern == nil || t.pattern.Match(s)
}

// orNone returns -1 for a limit that is not set.
func orNone(limit *int) int {
	if limit == nil {
		return -1
	}
	return *limit
}

func within(count, least, most int) bool { return count >= least && (most < 0 || count <= most) }
