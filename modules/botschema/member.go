package botschema

import (
	"encoding/json"
	"strings"
)

// memberPrefix begins the placeholders for members of the document.
const memberPrefix = "payload."

// member resolves a placeholder such as payload.event.type from the document. It has a
// value only where there is a string or an integer; ok says whether it is such a
// placeholder at all.
func member(document any, placeholder string) (value string, ok bool) {
	path, ok := strings.CutPrefix(placeholder, memberPrefix)
	if !ok {
		return "", false
	}
	for name := range strings.SplitSeq(path, ".") {
		object, _ := document.(map[string]any)
		document = object[name]
	}
	switch v := document.(type) {
	case string:
		return v, true
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return string(v), true
		}
	}
	return "", true
}
