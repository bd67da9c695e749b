package platform

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // What Twilio signs with.
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"
)

const (
	twilioSignature = "X-Twilio-Signature"
	twilioBodyHash  = "bodySHA256"
	// maxTwilioParams bounds the work for one form.
	maxTwilioParams = 1000
)

// twilio verifies webhooks of Twilio (https://www.twilio.com/docs/usage/security#validating-requests).
type twilio struct {
	// base is the public address before the path of the request; nil takes that of the request.
	base *url.URL
}

func newTwilio(o *options) Platform {
	return twilio{base: o.address("url")}
}

// ParseSecret takes the account's auth token as it is shown.
func (twilio) ParseSecret(raw []byte) (Secret, error) { return newMACSecret(sha1.New, raw) }

// Verify checks the signature over the address and the form's fields. Of any other body,
// the address has the hash. Twilio's servers disagree about how the address is spelled.
func (t twilio) Verify(req *Request, secrets []Secret) error {
	header := req.Header.Get(twilioSignature)
	if header == "" {
		return HeaderMissing
	}
	signature, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		return SignatureMismatch
	}
	address, err := url.Parse(req.URL)
	if err != nil || len(secrets) == 0 {
		return SignatureMismatch
	}
	suffix, err := twilioSuffix(address, req)
	if err != nil {
		return err
	}
	for spelling := range twilioSpellings(address, t.base) {
		if anyMAC(secrets, [][]byte{signature}, []byte(spelling), suffix) {
			return nil
		}
	}
	return SignatureMismatch
}

// twilioSuffix is what is signed after the address: the form's fields, or nothing where the
// address has the hash of the body, whatever Content-Type says of it.
func twilioSuffix(address *url.URL, req *Request) ([]byte, error) {
	if want := address.Query().Get(twilioBodyHash); want != "" {
		hash := sha256.Sum256(req.Body)
		if !hmac.Equal([]byte(strings.ToLower(want)), []byte(hex.EncodeToString(hash[:]))) {
			return nil, bodyHashMismatch
		}
		return nil, nil
	}
	// JSON that is not hashed would go unsigned.
	if text := bytes.TrimLeft(req.Body, " \t\r\n"); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return nil, SignatureMismatch
	}
	form, err := url.ParseQuery(string(req.Body))
	if err != nil || len(form) > maxTwilioParams {
		return nil, SignatureMismatch
	}
	var joined []byte
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[name]))) {
			joined = append(append(joined, name...), value...)
		}
	}
	return joined, nil
}
