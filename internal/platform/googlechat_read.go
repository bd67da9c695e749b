package platform

import (
	"cmp"
	"strings"
)

// Read keeps order in a thread, else in a space. A click has the name of the message with the
// card, whoever clicks and however often: the time tells clicks apart. How long Chat waits for an answer its
// pages do not say.
func (googleChat) Read(_ *Request, document []byte) (Delivery, error) {
	parts := members(document, "chat", "authorizationEventObject")
	interaction := chatInteraction(document)
	if parts[0] != nil {
		interaction = addOnInteraction(parts[0])
	}
	item := document
	if parts[1] != nil {
		// It holds fresh tokens each time.
		item = withMember(document, "authorizationEventObject", nil)
	}
	return single(interaction.event(item), jsonReply("{}").orBots(0))
}

// googleInteraction is what a person did in Chat.
type googleInteraction struct{ kind, when, user, space, thread, message string }

func (i googleInteraction) event(item []byte) Event {
	event := Event{
		Type: "google-chat." + cmp.Or(i.kind, "event"), User: i.user, OrderKey: cmp.Or(i.thread, i.space),
	}
	if i.when != "" {
		event.Key = joinedKey(googleChatKey, item, i.when, i.kind, i.space, i.user, i.message)
	}
	return event
}

// chatInteraction reads an event of a Chat app of its own
// (https://developers.google.com/workspace/chat/api/reference/rest/v1/Event).
func chatInteraction(event []byte) googleInteraction {
	parts := members(event, "type", "eventTime", "user", "space", "thread", "message")
	i := googleInteraction{kind: text(parts[0]), when: text(parts[1]), user: field(parts[2], "name")}
	return i.in(parts[3], parts[4], parts[5])
}

// in adds where it was.
func (i googleInteraction) in(space, thread, message []byte) googleInteraction {
	i.message = field(message, "name")
	i.space = cmp.Or(field(space, "name"), field(message, "space", "name"))
	i.thread = cmp.Or(field(message, "thread", "name"), field(thread, "name"))
	return i
}

// addOnTypes are the types of a Chat app's own events, by the payloads that stand for them in an add-on.
var addOnTypes = map[string]string{
	"messagePayload": "MESSAGE", "addedToSpacePayload": "ADDED_TO_SPACE", "removedFromSpacePayload": "REMOVED_FROM_SPACE",
	"buttonClickedPayload": "CARD_CLICKED", "widgetUpdatedPayload": "WIDGET_UPDATED", "appCommandPayload": "APP_COMMAND",
}

// addOnInteraction reads the member "chat" of an add-on's event
// (https://developers.google.com/workspace/add-ons/concepts/event-objects#chat-event-object).
func addOnInteraction(chat []byte) googleInteraction {
	parts := members(chat, "eventTime", "user", "space", "thread")
	i := googleInteraction{when: text(parts[0]), user: field(parts[1], "name")}
	for quoted, payload := range entries(chat) {
		name := unquote(quoted)
		if bare, ok := strings.CutSuffix(name, "Payload"); ok && bare != "" {
			inner := members(payload, "space", "thread", "message")
			i.kind = cmp.Or(addOnTypes[name], bare)
			return i.in(inner[0], inner[1], inner[2])
		}
	}
	return i.in(parts[2], parts[3], nil)
}
