package platform

import (
	"encoding/json"
	"time"
)

// teams verifies outgoing webhooks of Microsoft Teams
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook).
type teams struct {
	macScheme
	// reply is the message that Teams shows at once, as JSON.
	reply string
}

func newTeams(o *options) Platform {
	message, err := json.Marshal(map[string]string{"type": "message", "text": o.free("reply", "Received.")})
	if err != nil {
		o.fail("option reply: %w", err)
	}
	base64 := codecs["base64"]
	scheme := macScheme{headers: []string{"Authorization"}, prefix: "HMAC ", encoding: base64, secretEncoding: base64}
	return teams{newMACScheme(o, scheme, "{body}"), string(message)}
}

// teamsWait leaves a second of the five in which Teams wants a message for an answer (the same page).
const teamsWait = 4 * time.Second

// Read keeps order in a conversation. After its answer the bot's own words can only follow by other means.
func (t teams) Read(_ *Request, document []byte) (Delivery, error) {
	return single(activity("teams-outgoing", teamsKey, document), jsonReply(t.reply).orBots(teamsWait))
}
