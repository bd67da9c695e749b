package platform

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	standardID        = "Webhook-Id"
	standardTimestamp = "Webhook-Timestamp"
	standardSignature = "Webhook-Signature"

	versionMAC     = "v1"
	versionEd25519 = "v1a"

	secretPrefix   = "whsec_"
	publicPrefix   = "whpk_"
	minSecretBytes = 24
	maxSecretBytes = 64

	// maxSignatures bounds the work that one header can cause; rotation needs two or three.
	maxSignatures = 16
)

// standardWebhooks verifies the signatures "v1" (HMAC) and "v1a" (Ed25519) of Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
type standardWebhooks struct{}

func newStandardWebhooks(*options) Platform { return standardWebhooks{} }

// StandardWebhooks returns the platform as which Botgate itself signs what it delivers.
func StandardWebhooks() Platform { return standardWebhooks{} }

// ParseSecret takes a secret in base64, with or without "whsec_", or a public key "whpk_<base64>".
func (standardWebhooks) ParseSecret(raw []byte) (Secret, error) {
	encoded, ok := strings.CutPrefix(string(raw), publicPrefix)
	if !ok {
		return ParseStandardWebhooksSecret(string(raw))
	}
	key, err := decodeBase64(encoded)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return Secret{}, fmt.Errorf("what follows %q in the key is not %d bytes in base64",
			publicPrefix, ed25519.PublicKeySize)
	}
	return Secret{public: key}, nil
}

// ParseStandardWebhooksSecret decodes a secret of 24 to 64 bytes in base64, with "whsec_" before it
// or without, as the reference libraries do.
func ParseStandardWebhooksSecret(raw string) (Secret, error) {
	if raw == "" {
		return Secret{}, errEmptySecret
	}
	key, err := decodeBase64(strings.TrimPrefix(raw, secretPrefix))
	if err != nil {
		return Secret{}, errors.New(`the secret is neither of the form "whsec_<base64>" nor base64 alone`)
	}
	if len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return Secret{}, fmt.Errorf("the secret must have %d to %d bytes, has %d", minSecretBytes, maxSecretBytes, len(key))
	}
	return newMACSecret(sha256.New, key)
}

// Verify checks the timestamp, then each signature against the secrets of its version.
func (standardWebhooks) Verify(req *Request, secrets []Secret) error {
	id, timestamp, header := standardHeaders(req.Header)
	if id == "" || timestamp == "" || header == "" {
		return HeaderMissing
	}
	if err := checkTimestamp(timestamp, req.Now, defaultTolerance); err != nil {
		return err
	}
	v1, v1a, err := standardSignatures(header)
	if err != nil {
		return err
	}
	prefix := signedPrefix(id, timestamp)
	switch {
	case !anyMAC(secrets, v1, prefix, req.Body) && !anyEd25519(secrets, v1a, prefix, req.Body):
		return SignatureMismatch
	case hasTimestamp(id, len(timestamp)):
		return badBorders
	}
	return nil
}

// hasTimestamp reports whether an id has a number of so many digits after a dot. Id, timestamp and body are
// signed with a dot between them: such a request, or one that was made of it, could be cut in two ways, and
// each would be an event.
func hasTimestamp(id string, digits int) bool {
	return slices.ContainsFunc(strings.Split(id, ".")[1:], func(part string) bool {
		_, err := clocks["seconds"].parse(part)
		return err == nil && len(part) == digits
	})
}

// standardHeaders also knows Svix's spelling of the three headers; the two are never mixed.
func standardHeaders(h http.Header) (id, timestamp, signature string) {
	if signature = h.Get(standardSignature); signature != "" {
		return h.Get(standardID), h.Get(standardTimestamp), signature
	}
	return h.Get("Svix-Id"), h.Get("Svix-Timestamp"), h.Get("Svix-Signature")
}

// standardSignatures decodes the signatures of a header by version.
func standardSignatures(header string) (v1, v1a [][]byte, err error) {
	reason := unknownVersion
	for item := range strings.FieldsSeq(header) {
		version, encoded, _ := strings.Cut(item, ",")
		if version != versionMAC && version != versionEd25519 {
			continue
		}
		signature, err := base64.StdEncoding.DecodeString(encoded)
		switch {
		case err != nil:
			reason = badEncoding
		case version == versionMAC:
			v1 = append(v1, signature)
		default:
			v1a = append(v1a, signature)
		}
		if len(v1)+len(v1a) == maxSignatures {
			break
		}
	}
	if len(v1)+len(v1a) == 0 {
		return nil, nil, reason
	}
	return v1, v1a, nil
}

func signedPrefix(id, timestamp string) []byte {
	return []byte(id + "." + timestamp + ".")
}

// Read leaves user and order key empty, as the specification names neither: each
// event waits for no other. A body without a "type" is of type "standard.event".
func (standardWebhooks) Read(req *Request, document []byte) (Delivery, error) {
	id, _, _ := standardHeaders(req.Header)
	name := cmp.Or(unquote(members(document, "type")[0]), "event")
	return single(Event{Type: "standard." + name, Key: Key{Value: id, Rule: standardKey}}, nil)
}

// Sign returns the three webhook-* headers.
func (standardWebhooks) Sign(secret Secret, req *Request, id string) http.Header {
	timestamp, signature := SignStandardWebhooks([]Secret{secret}, id, req.Now, req.Body)
	return http.Header{standardID: {id}, standardTimestamp: {timestamp}, standardSignature: {signature}}
}

// SignStandardWebhooks returns the headers webhook-timestamp and webhook-signature of a message that is sent at that
// time, to the second. The signature has an item "v1,<base64>" of each secret, so that a receiver can change
// its secret without missing a message.
func SignStandardWebhooks(secrets []Secret, id string, at time.Time, body []byte) (timestamp, signature string) {
	var (
		space [256]byte // Enough for several secrets.
		sum   [sha256.Size]byte
	)
	both := strconv.AppendInt(space[:0], at.Unix(), 10)
	digits := len(both)
	prefix := append(make([]byte, 0, len(id)+digits+2), id...)
	prefix = append(append(append(prefix, '.'), both...), '.')
	for _, secret := range secrets {
		both = append(append(both, ' '), versionMAC+","...)
		both = base64.StdEncoding.AppendEncode(both, secret.appendSum(sum[:0], prefix, body))
	}
	text := string(both) // One allocation for both.
	return text[:digits], text[min(digits+1, len(text)):]
}
