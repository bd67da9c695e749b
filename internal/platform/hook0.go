package platform

import (
	"cmp"
	"net/http"
	"strings"
)

// hook0 verifies what a Hook0 server sends (https://documentation.hook0.com/). The header
// offers a code v0 over the body, or v1 over chosen headers too; the stronger one decides.
type hook0 struct{ macScheme }

func newHook0(o *options) Platform {
	return hook0{newMACScheme(o, macScheme{
		header: "X-Hook0-Signature", field: "v0", timestampField: "t", idHeader: "X-Event-Id",
	}, "{timestamp}.{body}")}
}

// Verify checks the timestamp in both directions, then v1, or v0 where that is all there is.
func (h hook0) Verify(req *Request, secrets []Secret) error {
	header := req.Header.Get(h.header)
	if firstField(header, "v1") == "" {
		return h.macScheme.Verify(req, secrets)
	}
	covered, err := hook0Headers(firstField(header, "h"), req.Header)
	if err != nil {
		return err
	}
	v1 := h.macScheme
	v1.field, v1.signed = "v1", template{{variable: "timestamp"}, {text: []byte("." + covered + ".")}, {variable: "body"}}
	return v1.Verify(req, secrets)
}

// hook0Headers joins the names of the covered headers and their values.
func hook0Headers(names string, header http.Header) (string, error) {
	values := strings.Fields(names)
	for i, name := range values {
		if _, ok := header[http.CanonicalHeaderKey(name)]; !ok {
			return "", HeaderMissing
		}
		values[i] = header.Get(name)
	}
	return names + "." + strings.Join(values, "."), nil
}

// Read leaves user and order key empty: what the events are about is for the sender to say.
func (h hook0) Read(req *Request, document []byte) Delivery {
	name := cmp.Or(req.Header.Get("X-Event-Type"), field(document, "event"), "event")
	return single(Event{Type: "hook0." + name, Key: Key{Value: req.Header.Get(h.idHeader), Rule: hook0Key}}, nil)
}
