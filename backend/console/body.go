package console

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

const (
	// maxShown is how much of a body a page has, and maxHex of how much it has the bytes.
	maxShown = 64 << 10
	maxHex   = 8 << 10
)

// shown is as much of a body as a page has.
type shown struct {
	Text string
	// Cut says how much that is; empty for all of it.
	Cut string
}

// showBody shows a body in the form that the address asks for, with links to the others. JSON is indented by its
// tokens and never decoded: numbers, order and repeats stay as they were sent.
func showBody(body []byte, f filter) (shown, []choice) {
	var pretty bytes.Buffer
	text, isJSON := isText(body), json.Indent(&pretty, body, "", "  ") == nil
	form := f.get("body")
	switch {
	case form == "pretty" && isJSON, form == "raw" && text, form == "hex":
	case isJSON:
		form = "pretty"
	case text:
		form = "raw"
	default:
		form = "hex"
	}
	var forms []choice
	for _, one := range []struct {
		name string
		fits bool
	}{{"pretty", isJSON}, {"raw", text}, {"hex", true}} {
		if one.fits {
			forms = append(forms, choice{one.name, f.with("body", one.name) + "#body", one.name == form})
		}
	}
	switch form {
	case "pretty":
		return cutText(pretty.Bytes()), forms
	case "raw":
		return cutText(body), forms
	}
	return dump(body), forms
}

func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

func cutText(body []byte) shown {
	if len(body) <= maxShown {
		return shown{Text: visible(string(body))}
	}
	return shown{
		Text: visible(strings.ToValidUTF8(string(body[:maxShown]), "")),
		Cut:  "The first " + bytesOf(maxShown) + " of " + bytesOf(len(body)) + " are shown; the download has all of it.",
	}
}

func dump(body []byte) shown {
	if len(body) <= maxHex {
		return shown{Text: hex.Dump(body)}
	}
	return shown{
		Text: hex.Dump(body[:maxHex]),
		Cut:  "The first " + bytesOf(maxHex) + " of " + bytesOf(len(body)) + " are shown; the download has all of it.",
	}
}

// showAnswer shows what a bot said, and says what that is.
func showAnswer(a *answer) (*shown, string) {
	about := []string{visible(a.ContentType), visible(a.Encoding)}
	body := []byte(a.Body)
	if a.Body == "" {
		body = a.Binary
	}
	var out shown
	if isText(body) {
		out = cutText(body)
	} else {
		out = dump(body)
	}
	about = append(about, bytesOf(len(body)))
	if a.Truncated {
		about = append(about, "cut when it was kept")
	}
	return &out, strings.Join(strings.Fields(strings.Join(about, " ")), " ")
}
