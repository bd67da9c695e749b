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
func (line) Read(req *Request, document []byte) (Delivery, error) {
	reply := jsonReply("{}")
	if list := members(document, "events")[0]; list == nil || list[0] != '[' {
		return single(Event{Type: "line.event"}, reply)
	}
	events, err := collect(req, lineEvents(document))
	return Delivery{Events: events, Reply: reply}, err
}

// lineEvents yields the events of a request (https://developers.line.biz/en/reference/messaging-api/#webhooks).
func lineEvents(document []byte) iter.Seq[batched] {
	return func(yield func(batched) bool) {
		envelope := frameOf(document, "events")
		for item := range elements(members(document, "events")[0]) {
			parts := members(item, "type", "source", "webhookEventId", "joined", "left")
			source := texts(parts[1], "userId", "groupId", "roomId")
			event := Event{
				Type:     "line." + cmp.Or(text(parts[0]), "event"),
				User:     cmp.Or(source[0], lineMember(parts[3]), lineMember(parts[4])),
				OrderKey: cmp.Or(source[1], source[2]),
				Key:      Key{Value: text(parts[2]), Rule: lineKey, Item: lineItem(item)},
			}
			if !yield(batched{event, envelope.aroundItem(item)}) {
				return
			}
		}
	}
}

// lineMember is who joined or left a group, where it is one.
func lineMember(change []byte) string {
	var only []byte
	for member := range elements(members(change, "members")[0]) {
		if only != nil {
			return ""
		}
		only = member
	}
	return field(only, "userId")
}

// lineItem is the item less what LINE changes when it sends it again.
func lineItem(item []byte) []byte {
	if members(item, "deliveryContext")[0] == nil {
		return item
	}
	return withMember(item, "deliveryContext", nil)
}
