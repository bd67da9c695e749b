package platform

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

const lineSignature = "X-Line-Signature"

// line verifies webhooks of the LINE Messaging API
// (https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/).
type line struct{}

func newLine(*options) Platform { return line{} }

// Name returns "line".
func (line) Name() string { return "line" }

// ParseSecret takes the channel secret as it is shown.
func (line) ParseSecret(raw []byte) (Secret, error) { return newMACSecret(sha256.New, raw) }

// Verify checks the signature over the raw body.
func (line) Verify(req *Request, secrets []Secret) error {
	return verifyBase64(req.Header.Get(lineSignature), secrets, req.Body)
}

// Read makes one event of each item. Order is kept in a group or room, else for a user.
// An empty list is what the console's button "Verify" sends.
func (line) Read(_ *Request, document []byte) Delivery {
	items := elements(members(document, "events")[0])
	delivery := Delivery{Reply: jsonReply("{}")}
	for i, item := range items {
		parts := members(item, "type", "source", "webhookEventId")
		source := members(parts[1], "userId", "groupId", "roomId")
		event := Event{
			Type: "line." + orText(text(parts[0]), "event"), User: text(source[0]),
			OrderKey: orText(text(source[1]), text(source[2])), DedupeID: text(parts[2]),
		}
		if len(items) > 1 {
			event.Body = withMember(document, "events", listOf(items[i]))
		}
		delivery.Events = append(delivery.Events, event)
	}
	return delivery
}

// Sign returns the signature. The delivery id is in the body, one for each event.
func (line) Sign(secret Secret, req *Request, _ string) http.Header {
	return http.Header{lineSignature: {base64.StdEncoding.EncodeToString(secret.sum(req.Body))}}
}
