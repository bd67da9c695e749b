package eventjson

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/mediatype"
)

// bodyNames are the members that [withBody] adds one of. A caller who wants either wants the body.
var bodyNames = [2]string{"data", "data_base64"}

// withBody adds the event's body as the last member of the JSON object that ends the given bytes, and overwrites them:
// "data" with the very bytes when they are JSON, else "data_base64". It does so by hand because encoding/json would
// rewrite the body's white space and escapes.
func withBody(object []byte, e *event.Event) []byte {
	out := slices.Grow(object[:len(object)-1], base64.StdEncoding.EncodedLen(len(e.Data))+len(`,"data_base64":""}`))
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	if isJSON(e) {
		out = append(out, `"data":`...)
		return append(append(out, e.Data...), '}')
	}
	out = append(out, `"data_base64":"`...)
	out = base64.StdEncoding.AppendEncode(out, e.Data)
	return append(out, `"}`...)
}

// isJSON reports whether the body can stand in a JSON document as it is. The check for
// UTF-8 is one that json.Valid does not make.
func isJSON(e *event.Event) bool {
	media := mediatype.Of(e.ContentType)
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return false
	}
	return utf8.Valid(e.Data) && json.Valid(e.Data)
}
