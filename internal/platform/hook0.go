package platform

import (
	"crypto/sha256"
	"net/http"
	"strings"
)

const hook0Signature = "X-Hook0-Signature"

// hook0 verifies what a Hook0 server sends (https://documentation.hook0.com/). The header
// offers a code v0 over the body, or v1 over chosen headers too; the stronger one decides.
type hook0 struct{}

func newHook0(*options) Platform { return hook0{} }

// Name returns "hook0".
func (hook0) Name() string { return "hook0" }

// ParseSecret takes the subscription's secret as it is shown.
func (hook0) ParseSecret(raw []byte) (Secret, error) { return newMACSecret(sha256.New, raw) }

// Verify checks the timestamp in both directions, then v1, or v0 where that is all there is.
func (hook0) Verify(req *Request, secrets []Secret) error {
	header := req.Header.Get(hook0Signature)
	if header == "" {
		return HeaderMissing
	}
	fields := parseFields(header)
	timestamp := fields.first("t")
	if err := checkTimestamp(timestamp, req.Now, DefaultTolerance); err != nil {
		return err
	}
	if fields.first("v1") == "" {
		return fields.verifyHex("v0", sha256.Size, secrets, []byte(timestamp+"."), req.Body)
	}
	covered, err := hook0Headers(fields.first("h"), req.Header)
	if err != nil {
		return err
	}
	return fields.verifyHex("v1", sha256.Size, secrets, []byte(timestamp+"."+covered+"."), req.Body)
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
func (hook0) Read(req *Request, document []byte) Delivery {
	name := orText(req.Header.Get("X-Event-Type"), field(document, "event"))
	return single(Event{Type: "hook0." + orText(name, "event"), DedupeID: req.Header.Get("X-Event-Id")}, nil)
}
