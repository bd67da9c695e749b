package platform

import (
	"net/http"
	"strings"

	"github.com/botgate/botgate/internal/mediatype"
)

// single is the delivery of a request that is one event.
func single(e Event, reply *Reply) (Delivery, error) {
	return Delivery{Events: []Event{e}, Reply: reply}, nil
}

// handshake is the delivery of a request that only tries an address out.
func handshake(reply *Reply) (Delivery, error) { return Delivery{Reply: reply}, nil }

// joinedKey is a key of several parts, the zero Key where none of them is there.
func joinedKey(rule Rule, item []byte, parts ...string) Key {
	if strings.Join(parts, "") == "" {
		return Key{}
	}
	return Key{Value: strings.TrimRight(strings.Join(parts, " "), " "), Rule: rule, Item: item}
}

// isForm reports whether the body is a form.
func isForm(header http.Header) bool {
	return mediatype.Of(header.Get("Content-Type")) == "application/x-www-form-urlencoded"
}

const (
	typeJSON = "application/json"
	typeText = "text/plain; charset=utf-8"
)

// jsonReply is 200 with a JSON body.
func jsonReply(body string) *Reply {
	return &Reply{Status: http.StatusOK, ContentType: typeJSON, Body: []byte(body)}
}

// textReply is 200 with a text.
func textReply(body string) *Reply {
	return &Reply{Status: http.StatusOK, ContentType: typeText, Body: []byte(body)}
}

// emptyReply is the status alone.
func emptyReply(status int) *Reply { return &Reply{Status: status} }
