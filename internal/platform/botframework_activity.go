package platform

import "cmp"

// activity reads an activity of the Bot Framework
// (https://github.com/microsoft/botframework-sdk/blob/main/specs/botframework-activity/botframework-activity.md).
// Order is kept in a conversation, which in a channel of Teams is one thread. An edit and a deletion
// have the id of the message that they change, so type, kind and time are parts of the key.
func activity(platform string, rule Rule, document []byte) Event {
	parts := members(document, "type", "id", "from", "conversation", "timestamp", "channelData")
	kind, conversation := cmp.Or(text(parts[0]), "activity"), firstID(parts[3])
	event := Event{Type: platform + "." + kind, User: firstID(parts[2]), OrderKey: conversation}
	if id, when := text(parts[1]), text(parts[4]); id != "" || when != "" {
		event.Key = joinedKey(rule, nil, conversation, kind, id, when, field(parts[5], "eventType"))
	}
	return event
}
