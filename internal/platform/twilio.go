package platform

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1" // What Twilio signs with.
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"iter"
	"maps"
	"net"
	"net/http"
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
	// base is the public scheme and host; nil takes those of the request.
	base *url.URL
}

func newTwilio(o *options) Platform {
	raw := o.text("url", "")
	if raw == "" {
		return twilio{}
	}
	base, err := url.Parse(raw)
	if err != nil || base.Host == "" || base.Path != "" || (base.Scheme != "https" && base.Scheme != "http") {
		o.fail("option url: it must be the public scheme and host, such as https://bots.example.com")
	}
	return twilio{base: base}
}

// ParseSecret takes the account's auth token as it is shown.
func (twilio) ParseSecret(raw []byte) (Secret, error) { return newMACSecret(sha1.New, raw) }

// Verify checks the signature over the address and the form's fields. Of any other body,
// the address has the hash. Twilio's servers disagree about the default port, so the
// address is tried with and without one.
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
	if t.base != nil {
		address.Scheme, address.Host = t.base.Scheme, t.base.Host
	}
	suffix, err := twilioSuffix(address, req)
	if err != nil {
		return err
	}
	for variant := range twilioVariants(*address) {
		if anyMAC(secrets, [][]byte{signature}, []byte(variant), suffix) {
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
	// A body that is neither hashed nor a form would go unsigned.
	if len(req.Body) > 0 && !isForm(req.Header) {
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

// twilioVariants are the spellings of one address that its signer may have had, the likely
// ones first.
func twilioVariants(address url.URL) iter.Seq[string] {
	host := address.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := "443"
	if address.Scheme == "http" {
		port = "80"
	}
	full := net.JoinHostPort(address.Hostname(), cmp.Or(address.Port(), port))
	return func(yield func(string) bool) {
		for _, address.Host = range []string{address.Host, host, full} {
			spelling := address.String()
			if !yield(spelling) {
				return
			}
			// Older servers sign these characters as they are.
			if legacy := legacyQuery(spelling); legacy != spelling && !yield(legacy) {
				return
			}
		}
	}
}

func legacyQuery(address string) string {
	path, query, ok := strings.Cut(address, "?")
	if !ok || !strings.Contains(query, "%") {
		return address
	}
	return path + "?" + legacyCharacters.Replace(query)
}

var legacyCharacters = strings.NewReplacer("%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%21", "!")

// Read answers with empty TwiML, which does nothing. Order is kept between two numbers. A
// message and a call have an event for each of their states.
func (twilio) Read(req *Request, document []byte) Delivery {
	get := func(name string) string { return field(document, name) }
	if isForm(req.Header) {
		form, _ := url.ParseQuery(string(req.Body)) // What could be read is there in spite of an error.
		get = form.Get
	}
	event := Event{Type: "twilio.event", User: get("From")}
	if event.User != "" {
		event.OrderKey = event.User + ":" + get("To")
	}
	for _, kind := range []struct{ name, id, status string }{
		{"message", cmp.Or(get("MessageSid"), get("SmsSid")), cmp.Or(get("MessageStatus"), get("SmsStatus"))},
		{"call", get("CallSid"), get("CallStatus")},
	} {
		if kind.id != "" {
			event.Type, event.Key = "twilio."+kind.name, Key{Value: kind.id + ":" + kind.status, Rule: twilioStatusKey}
			break
		}
	}
	if token := req.Header.Get("I-Twilio-Idempotency-Token"); token != "" {
		event.Key = Key{Value: token, Rule: twilioTokenKey}
	}
	return single(event, &Reply{
		Status: http.StatusOK, ContentType: "text/xml",
		Body: []byte(`<?xml version="1.0" encoding="UTF-8"?><Response></Response>`),
	})
}
