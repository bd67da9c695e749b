package platform

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// hook0 verifies what a Hook0 server sends (https://documentation.hook0.com/). The header
// offers a code v0 over the body, or v1 over chosen headers too; the stronger one decides. Whoever
// takes v1 out of the header leaves a v0 that is right, so nothing is taken from headers that the
// code did not cover.
type hook0 struct {
	macScheme
	// onlyV1 refuses a v0 that comes alone.
	onlyV1 bool
}

const (
	hook0EventID   = "X-Event-Id"
	hook0EventType = "X-Event-Type"
)

func newHook0(o *options) Platform {
	return hook0{
		macScheme: newMACScheme(o, macScheme{
			headers: []string{"X-Hook0-Signature"}, field: "v0", timestampField: "t", idHeader: hook0EventID,
		}, "{timestamp}.{body}"),
		onlyV1: o.oneOf("least_version", "v0", "v1") == "v1",
	}
}

// Verify checks the timestamp in both directions, then v1, or v0 where that is all there is.
func (h hook0) Verify(req *Request, secrets []Secret) error {
	names, strong := h.covered(req)
	switch {
	case strong:
	case h.onlyV1 && len(h.sent(req)) > 0:
		return unknownVersion
	default:
		return h.macScheme.Verify(req, secrets)
	}
	text, err := hook0Headers(names, req.Header)
	if err != nil {
		return err
	}
	v1 := h.macScheme
	v1.field, v1.signed = "v1", template{{variable: "timestamp"}, {text: []byte("." + text + ".")}, {variable: "body"}}
	return v1.Verify(req, secrets)
}

// covered returns the names of the headers that a code v1 covers, and whether there is one.
func (h hook0) covered(req *Request) (names string, strong bool) {
	headers := h.sent(req)
	return firstField(headers, h.separators, "h"), firstField(headers, h.separators, "v1") != ""
}

// covers reports whether the signature of a verified request covers that header.
func (h hook0) covers(req *Request, header string) bool {
	names, strong := h.covered(req)
	isIt := func(name string) bool { return strings.EqualFold(name, header) }
	return strong && slices.ContainsFunc(strings.Fields(names), isIt)
}

// hook0Headers joins the names of the covered headers and their values. No name has the dot that ends
// the list of them.
func hook0Headers(names string, header http.Header) (string, error) {
	if strings.Contains(names, ".") {
		return "", badBorders
	}
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
func (h hook0) Read(req *Request, document []byte) (Delivery, error) {
	name := ""
	if h.covers(req, hook0EventType) {
		name = req.Header.Get(hook0EventType)
	}
	rule := hook0Key
	// Without v1 the same delivery would come under a key that is not signed.
	rule.Signed = h.onlyV1 && h.covers(req, hook0EventID)
	return single(Event{
		Type: "hook0." + cmp.Or(name, field(document, "event"), "event"),
		Key:  Key{Value: req.Header.Get(h.idHeader), Rule: rule},
	}, nil)
}
