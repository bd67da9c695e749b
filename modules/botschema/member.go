package botschema

import (
	"strings"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// memberPrefix begins the placeholders for members of the document.
const memberPrefix = "payload."

// member resolves a placeholder such as payload.event.type from the document. It has a
// value only where there is a string or an integer; ok says whether it is such a
// placeholder at all.
func member(v jsondoc.Value, placeholder string) (value string, ok bool) {
	path, ok := strings.CutPrefix(placeholder, memberPrefix)
	if !ok {
		return "", false
	}
	for name := range strings.SplitSeq(path, ".") {
		inner, found := v.Member(name)
		if !found {
			return "", true
		}
		v = inner
	}
	switch {
	case v.Kind() == jsondoc.String:
		return string(v.Text(nil)), true
	case v.Kind() == jsondoc.Number && v.Plain():
		return string(v.Raw()), true
	}
	return "", true
}
