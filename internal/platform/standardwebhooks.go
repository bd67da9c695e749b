package platform

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// StandardWebhooksTolerance is how far a signed timestamp may be from now, both ways.
const StandardWebhooksTolerance = 5 * time.Minute

const (
	standardID        = "Webhook-Id"
	standardTimestamp = "Webhook-Timestamp"
	standardSignature = "Webhook-Signature"
	standardVersion   = "v1,"

	secretPrefix   = "whsec_"
	minSecretBytes = 24
	maxSecretBytes = 64

	// maxSignatures bounds the work that one header can cause; rotation needs two or three.
	maxSignatures = 16
)

// standardWebhooks verifies HMAC signatures, "v1" of Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
type standardWebhooks struct{}

// Name returns "standard-webhooks".
func (standardWebhooks) Name() string { return "standard-webhooks" }

// ParseSecret is [ParseStandardWebhooksSecret].
func (standardWebhooks) ParseSecret(raw []byte) (Secret, error) {
	return ParseStandardWebhooksSecret(string(raw))
}

// ParseStandardWebhooksSecret decodes a secret of the form "whsec_<base64>" that has
// 24 to 64 bytes.
func ParseStandardWebhooksSecret(raw string) (Secret, error) {
	if raw == "" {
		return Secret{}, errEmptySecret
	}
	encoded, ok := strings.CutPrefix(raw, secretPrefix)
	if !ok {
		return Secret{}, errors.New(`the secret must have the form "whsec_<base64>"`)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Secret{}, errors.New(`what follows "whsec_" in the secret is not base64`)
	}
	if len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return Secret{}, fmt.Errorf("the secret must have %d to %d bytes, has %d", minSecretBytes, maxSecretBytes, len(key))
	}
	return newSecret(key), nil
}

// Verify checks the timestamp, then each signature of version v1 against each secret.
func (standardWebhooks) Verify(req *Request, secrets []Secret) error {
	id, timestamp, header := standardHeaders(req.Header)
	if id == "" || timestamp == "" || header == "" {
		return HeaderMissing
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return BadTimestamp
	}
	now, tolerance := req.Now.Unix(), int64(StandardWebhooksTolerance/time.Second)
	if seconds < now-tolerance || seconds > now+tolerance {
		return TimestampOutOfTolerance
	}
	signatures, err := standardSignatures(header)
	if err != nil {
		return err
	}
	for _, secret := range secrets {
		if secret.usable() && anyEqual(signatures, secret.sum(signedPrefix(id, timestamp), req.Body)) {
			return nil
		}
	}
	return SignatureMismatch
}

// standardHeaders also knows Svix's spelling of the three headers; the two are never mixed.
func standardHeaders(h http.Header) (id, timestamp, signature string) {
	if signature = h.Get(standardSignature); signature != "" {
		return h.Get(standardID), h.Get(standardTimestamp), signature
	}
	return h.Get("Svix-Id"), h.Get("Svix-Timestamp"), h.Get("Svix-Signature")
}

// standardSignatures decodes the signatures of version v1 in a space separated list.
func standardSignatures(header string) ([][]byte, error) {
	var signatures [][]byte
	reason := UnknownVersion
	for item := range strings.FieldsSeq(header) {
		encoded, ok := strings.CutPrefix(item, standardVersion)
		if !ok {
			continue
		}
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			reason = BadEncoding
			continue
		}
		if signatures = append(signatures, signature); len(signatures) == maxSignatures {
			break
		}
	}
	if len(signatures) == 0 {
		return nil, reason
	}
	return signatures, nil
}

func anyEqual(signatures [][]byte, want []byte) bool {
	for _, signature := range signatures {
		if hmac.Equal(signature, want) {
			return true
		}
	}
	return false
}

func signedPrefix(id, timestamp string) []byte {
	return []byte(id + "." + timestamp + ".")
}

// Facts leaves user and order key empty, as the specification names neither: each
// event waits for no other. A body without a "type" is of type "standard.event".
func (standardWebhooks) Facts(req *Request, document []byte) Facts {
	id, _, _ := standardHeaders(req.Header)
	facts := Facts{Type: "standard.event", DedupeID: id}
	if value := members(document, "type")[0]; len(value) > 0 && value[0] == '"' {
		if name := unquote(value); name != "" {
			facts.Type = "standard." + name
		}
	}
	return facts
}

// Reply returns nil: any 2xx is a success.
func (standardWebhooks) Reply([]byte) *Reply { return nil }

// Sign returns the three webhook-* headers.
func (standardWebhooks) Sign(secret Secret, id string, at time.Time, body []byte) http.Header {
	return http.Header{
		standardID:        {id},
		standardTimestamp: {strconv.FormatInt(at.Unix(), 10)},
		standardSignature: {StandardWebhooksSignature(secret, id, at, body)},
	}
}

// StandardWebhooksSignature returns one item of a webhook-signature header, "v1,<base64>",
// for a message sent at that time, to the second. With several secrets the items are
// joined by a space.
func StandardWebhooksSignature(secret Secret, id string, at time.Time, body []byte) string {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	return standardVersion + base64.StdEncoding.EncodeToString(secret.sum(signedPrefix(id, timestamp), body))
}

// SignStandardWebhook is [StandardWebhooksSignature] for a secret that was not parsed
// yet; who signs often parses once with [ParseStandardWebhooksSecret].
func SignStandardWebhook(secret, id string, at time.Time, body []byte) (string, error) {
	key, err := ParseStandardWebhooksSecret(secret)
	if err != nil {
		return "", err
	}
	return StandardWebhooksSignature(key, id, at, body), nil
}
