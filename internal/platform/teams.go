package platform

import (
	"cmp"
	"encoding/json"
)

// teams verifies outgoing webhooks of Microsoft Teams
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook).
type teams struct {
	macScheme
	// reply is the message that Teams shows at once, as JSON.
	reply string
}

func newTeams(o *options) Platform {
	message, err := json.Marshal(map[string]string{"type": "message", "text": o.text("reply", "Received.")})
	if err != nil {
		o.fail("option reply: %w", err)
	}
	base64 := codecs["base64"]
	scheme := macScheme{headers: []string{"Authorization"}, prefix: "HMAC ", encoding: base64, secretEncoding: base64}
	return teams{newMACScheme(o, scheme, "{body}"), string(message)}
}

// Read keeps order in a conversation. Teams wants a message for an answer, within five
// seconds; the bot's own can only follow by other means.
func (t teams) Read(_ *Request, document []byte) Delivery {
	return single(activity("teams-outgoing", document), jsonReply(t.reply))
}

// activity reads an activity of the Bot Framework. Its id is unique in its conversation.
func activity(platform string, document []byte) Event {
	parts := members(document, "type", "id", "from", "conversation")
	event := Event{
		Type: platform + "." + cmp.Or(text(parts[0]), "activity"), User: firstID(parts[2]), OrderKey: firstID(parts[3]),
	}
	if id := text(parts[1]); id != "" {
		event.Key = Key{Value: event.OrderKey + ":" + id, Rule: activityKey}
	}
	return event
}
