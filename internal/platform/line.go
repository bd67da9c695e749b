package platform

import "cmp"

// line verifies webhooks of the LINE Messaging API
// (https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/).
type line struct{ macScheme }

func newLine(o *options) Platform {
	return line{newMACScheme(o, macScheme{headers: []string{"X-Line-Signature"}, encoding: codecs["base64"]}, "{body}")}
}

// lineItem is the item less what tells a redelivery.
func lineItem(item []byte) []byte {
	if members(item, "deliveryContext")[0] == nil {
		return item
	}
	return withMember(item, "deliveryContext", nil)
}

// Read makes one event of each item, which has its own delivery id. Order is kept in a group or
// room, else for a user. An empty list is what the console's button "Verify" sends.
func (line) Read(_ *Request, document []byte) Delivery {
	items := elements(members(document, "events")[0])
	delivery := Delivery{Reply: jsonReply("{}")}
	for i, item := range items {
		parts := members(item, "type", "source", "webhookEventId")
		source := members(parts[1], "userId", "groupId", "roomId")
		event := Event{
			Type: "line." + cmp.Or(text(parts[0]), "event"), User: text(source[0]),
			OrderKey: cmp.Or(text(source[1]), text(source[2])), Key: Key{Value: text(parts[2]), Rule: lineKey, Item: lineItem(item)},
		}
		if len(items) > 1 {
			event.Body = withMember(document, "events", listOf(items[i]))
		}
		delivery.Events = append(delivery.Events, event)
	}
	return delivery
}
