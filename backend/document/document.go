// Package document shows events in JSON documents.
package document

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/botgate/botgate/internal/event"
)

// WithBody adds the event's body as the last member of a JSON object: "data" with the
// very bytes when they are JSON, else "data_base64". It does so by hand because
// encoding/json would rewrite the body's white space and escapes.
func WithBody(object []byte, e *event.Event) []byte {
	out := make([]byte, 0, len(object)+base64.StdEncoding.EncodedLen(len(e.Data))+20)
	out = append(out, object[:len(object)-1]...)
	if len(object) > len("{}") {
		out = append(out, ',')
	}
	if isJSON(e) {
		out = append(out, `"data":`...)
		out = append(out, e.Data...)
		return append(out, '}')
	}
	out = append(out, `"data_base64":"`...)
	out = base64.StdEncoding.AppendEncode(out, e.Data)
	return append(out, `"}`...)
}

// isJSON reports whether the body can stand in a JSON document as it is. The check for
// UTF-8 is one that json.Valid does not make.
func isJSON(e *event.Event) bool {
	media, _, err := mime.ParseMediaType(e.ContentType)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return false
	}
	return utf8.Valid(e.Data) && json.Valid(e.Data)
}
