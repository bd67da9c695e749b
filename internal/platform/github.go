package platform

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

const (
	githubSignature = "X-Hub-Signature-256"
	githubEvent     = "X-Github-Event"
	githubDelivery  = "X-Github-Delivery"
	githubScheme    = "sha256="
)

// github verifies X-Hub-Signature-256 (https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries).
// The SHA-1 header of old deliveries is not looked at: who sends only that sends no signature.
type github struct{}

// Name returns "github".
func (github) Name() string { return "github" }

// ParseSecret takes the secret as it is: GitHub uses its bytes as the key.
func (github) ParseSecret(raw []byte) (Secret, error) {
	if len(raw) == 0 {
		return Secret{}, errEmptySecret
	}
	return newSecret(raw), nil
}

// Verify checks X-Hub-Signature-256 over the raw body, of JSON and form deliveries alike.
func (github) Verify(req *Request, secrets []Secret) error {
	header := req.Header.Get(githubSignature)
	if header == "" {
		return HeaderMissing
	}
	digits, ok := strings.CutPrefix(header, githubScheme)
	if !ok || len(digits) != hex.EncodedLen(sha256.Size) {
		return BadEncoding
	}
	signature, err := hex.DecodeString(digits)
	if err != nil {
		return BadEncoding
	}
	for _, secret := range secrets {
		if secret.usable() && hmac.Equal(signature, secret.sum(req.Body)) {
			return nil
		}
	}
	return SignatureMismatch
}

// Facts takes the event's name and the delivery's id from headers, which the
// signature does not cover. Order is kept within a repository; events of no repository
// are ordered by installation, then by organization.
func (github) Facts(req *Request, document []byte) Facts {
	facts := Facts{Type: "github.event", DedupeID: req.Header.Get(githubDelivery)}
	if event := req.Header.Get(githubEvent); event != "" {
		facts.Type = "github." + event
	}
	owners := members(document, "sender", "repository", "installation", "organization")
	facts.User = text(members(owners[0], "id")[0])
	for _, owner := range owners[1:] {
		if facts.OrderKey = text(members(owner, "id")[0]); facts.OrderKey != "" {
			break
		}
	}
	return facts
}

// Reply returns nil: GitHub only looks at the status.
func (github) Reply([]byte) *Reply { return nil }

// Sign sets the delivery id too. It leaves out X-GitHub-Event, which says what the body is.
func (github) Sign(secret Secret, id string, _ time.Time, body []byte) http.Header {
	return http.Header{
		githubSignature: {githubScheme + hex.EncodeToString(secret.sum(body))},
		githubDelivery:  {id},
	}
}
