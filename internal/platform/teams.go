package platform

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

const teamsScheme = "HMAC "

// teams verifies outgoing webhooks of Microsoft Teams
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook).
type teams struct {
	// reply is the message that Teams shows at once, as JSON.
	reply string
}

func newTeams(o *options) Platform {
	message, err := json.Marshal(map[string]string{"type": "message", "text": o.text("reply", "Received.")})
	if err != nil {
		o.fail("option reply: %w", err)
	}
	return teams{reply: string(message)}
}

// Name returns "teams-outgoing".
func (teams) Name() string { return "teams-outgoing" }

// ParseSecret takes the security token, which is base64.
func (teams) ParseSecret(raw []byte) (Secret, error) {
	key, err := base64.StdEncoding.DecodeString(string(raw))
	if err != nil {
		return Secret{}, errors.New("the security token is not base64")
	}
	return newMACSecret(sha256.New, key)
}

// Verify checks the signature in the Authorization header over the raw body.
func (teams) Verify(req *Request, secrets []Secret) error {
	header := req.Header.Get("Authorization")
	if header == "" {
		return HeaderMissing
	}
	signature, ok := strings.CutPrefix(header, teamsScheme)
	if !ok || signature == "" {
		return BadEncoding
	}
	return verifyBase64(signature, secrets, req.Body)
}

// Read keeps order in a conversation. Teams wants a message for an answer, within five
// seconds; the bot's own can only follow by other means.
func (t teams) Read(_ *Request, document []byte) Delivery {
	return single(activity("teams-outgoing", document), jsonReply(t.reply))
}

// Sign returns the signature. The delivery id is in the body.
func (teams) Sign(secret Secret, req *Request, _ string) http.Header {
	return http.Header{"Authorization": {teamsScheme + base64.StdEncoding.EncodeToString(secret.sum(req.Body))}}
}

// activity reads an activity of the Bot Framework. Its id is unique in its conversation.
func activity(platform string, document []byte) Event {
	parts := members(document, "type", "id", "from", "conversation")
	event := Event{
		Type: platform + "." + orText(text(parts[0]), "activity"), User: firstID(parts[2]), OrderKey: firstID(parts[3]),
	}
	if id := text(parts[1]); id != "" {
		event.DedupeID = event.OrderKey + ":" + id
	}
	return event
}
