package platform

import (
	"cmp"
	"iter"
)

// line verifies webhooks of the LINE Messaging API
// (https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/).
type line struct{ macScheme }

func newLine(o *options) Platform {
	return line{newMACScheme(o, macScheme{headers: []string{"X-Line-Signature"}, encoding: codecs["base64"]}, "{body}")}
}

// Read makes one event of each item, which has its own delivery id. Order is kept in a group or
// room, else for a user. An empty list is what the console's button "Verify" sends.
func (line) Read(_ *Request, document []byte) Delivery {
	reply := jsonReply("{}")
	if list := members(document, "events")[0]; list == nil || list[0] != '[' {
		return single(Event{Type: "line.event"}, reply)
	}
	events, ok := collect(lineEvents(document))
	if !ok {
		return single(Event{Type: "line.event"}, reply)
	}
	return Delivery{Events: events, Reply: reply}
}

// lineEvents yields the events of a request (https://developers.line.biz/en/reference/messaging-api/#webhooks).
func lineEvents(document []byte) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		envelope := emptied(document, "events")
		for _, item := range elements(members(document, "events")[0]) {
			parts := members(item, "type", "source", "webhookEventId", "joined", "left")
			source := texts(parts[1], "userId", "groupId", "roomId")
			event := Event{
				Type:     "line." + cmp.Or(text(parts[0]), "event"),
				User:     cmp.Or(source[0], lineMember(parts[3]), lineMember(parts[4])),
				OrderKey: cmp.Or(source[1], source[2]),
				Key:      Key{Value: text(parts[2]), Rule: lineKey, Item: lineItem(item)},
				Body:     withMember(envelope, "events", listOf(item)),
			}
			if !yield(event) {
				return
			}
		}
	}
}

// lineMember is who joined or left a group, where it is one.
func lineMember(change []byte) string {
	if list := elements(members(change, "members")[0]); len(list) == 1 {
		return field(list[0], "userId")
	}
	return ""
}

// lineItem is the item less what LINE changes when it sends it again.
func lineItem(item []byte) []byte {
	if members(item, "deliveryContext")[0] == nil {
		return item
	}
	return withMember(item, "deliveryContext", nil)
}
