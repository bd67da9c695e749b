package platform

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

const stripeSignature = "Stripe-Signature"

// stripe verifies Stripe's webhooks (https://docs.stripe.com/webhooks/signature).
type stripe struct{}

func newStripe(*options) Platform { return stripe{} }

// Name returns "stripe".
func (stripe) Name() string { return "stripe" }

// ParseSecret takes the endpoint's secret. Its prefix "whsec_" is a part of the key.
func (stripe) ParseSecret(raw []byte) (Secret, error) { return newMACSecret(sha256.New, raw) }

// Verify checks the timestamp in both directions, then each signature "v1" over it and the
// raw body. Signatures of other versions, such as the test mode's v0, are not looked at.
func (stripe) Verify(req *Request, secrets []Secret) error {
	header := req.Header.Get(stripeSignature)
	if header == "" {
		return HeaderMissing
	}
	fields := parseFields(header)
	timestamp := fields.first("t")
	if err := checkTimestamp(timestamp, req.Now, DefaultTolerance); err != nil {
		return err
	}
	return fields.verifyHex("v1", sha256.Size, secrets, []byte(timestamp+"."), req.Body)
}

// Read keeps no order, as Stripe gives none, beyond that of a customer's events.
func (stripe) Read(_ *Request, document []byte) Delivery {
	parts := members(document, "type", "id", "data")
	object := members(members(parts[2], "object")[0], "customer", "id", "object")
	customer := textOrID(object[0])
	if customer == "" && text(object[2]) == "customer" {
		customer = text(object[1])
	}
	return single(Event{Type: "stripe." + orText(text(parts[0]), "event"), User: customer, DedupeID: text(parts[1])},
		emptyReply(http.StatusOK))
}

// Sign returns the signature. The delivery id is in the body.
func (stripe) Sign(secret Secret, req *Request, _ string) http.Header {
	timestamp := strconv.FormatInt(req.Now.Unix(), 10)
	code := hex.EncodeToString(secret.sum([]byte(timestamp+"."), req.Body))
	return http.Header{stripeSignature: {"t=" + timestamp + ",v1=" + code}}
}

// maxFields bounds the work that one header can cause.
const maxFields = 32

// headerFields is a header of the form "name=value,name=value".
type headerFields []string

func parseFields(header string) headerFields {
	return strings.SplitN(header, ",", maxFields)
}

// all calls yield for each value of the name.
func (f headerFields) all(name string, yield func(value string) bool) {
	for _, item := range f {
		if key, value, ok := strings.Cut(strings.TrimSpace(item), "="); ok && key == name && !yield(value) {
			return
		}
	}
}

// first returns the first value of the name, or "".
func (f headerFields) first(name string) (value string) {
	f.all(name, func(v string) bool { value = v; return false })
	return value
}

// verifyHex passes when any value of the name is the signature. With none of that name
// the version is unknown; otherwise the last one's reason counts.
func (f headerFields) verifyHex(name string, size int, secrets []Secret, parts ...[]byte) error {
	var err error = UnknownVersion
	f.all(name, func(value string) bool {
		err = verifyHex(value, "", size, secrets, parts...)
		return err != nil
	})
	return err
}
