package platform

import (
	"cmp"
	"crypto/subtle"
	"net/http"
	"net/url"
)

// meta verifies webhooks of WhatsApp, Messenger and Instagram
// (https://developers.facebook.com/docs/graph-api/webhooks/getting-started): X-Hub-Signature-256
// over the raw body, in which text is escaped. Those bytes are signed, and no others that mean the
// same. Delivery ids are in the body, one for each event.
type meta struct {
	macScheme
	// verifyToken is what Meta's console was told to name in its challenge.
	verifyToken string
}

func newMeta(o *options) Platform {
	return meta{macScheme: newMACScheme(o, hubSignature, "{body}"), verifyToken: o.text("verify_token", "")}
}

// Probe answers the challenge of a new address, or refuses one that does not know the
// verify token; without one, none does.
func (m meta) Probe(req *Request) *Reply {
	if req.Method != http.MethodGet {
		return nil
	}
	address, err := url.Parse(req.URL)
	if err != nil || address.Query().Get("hub.mode") != "subscribe" {
		return nil
	}
	given := address.Query().Get("hub.verify_token")
	if m.verifyToken == "" || subtle.ConstantTimeCompare([]byte(given), []byte(m.verifyToken)) != 1 {
		return emptyReply(http.StatusForbidden)
	}
	return textReply(address.Query().Get("hub.challenge"))
}

// Read makes one event of each message, of each status of a message, and of each other
// change. Order is kept between an account or page and a user.
func (m meta) Read(_ *Request, document []byte) Delivery {
	var events []Event
	entries := members(document, "entry")[0]
	for _, entry := range elements(entries) {
		wrap := func(part []byte) []byte { return withMember(document, "entry", listOf(part)) }
		parts := members(entry, "changes", "messaging", "id")
		for _, change := range elements(parts[0]) {
			for _, event := range metaChange(change) {
				event.Body = wrap(withMember(entry, "changes", listOf(event.Body)))
				events = append(events, event)
			}
		}
		for _, message := range elements(parts[1]) {
			event := metaMessaging(text(parts[2]), message)
			event.Body = wrap(withMember(entry, "messaging", listOf(message)))
			events = append(events, event)
		}
	}
	switch len(events) {
	case 0:
		events = []Event{{Type: "meta.event"}}
	case 1:
		events[0].Body = nil
	}
	return Delivery{Events: events, Reply: emptyReply(http.StatusOK)}
}

// metaChange splits a change by its messages and statuses. The Body of an event is its
// part of the change.
func metaChange(change []byte) []Event {
	parts := members(change, "field", "value")
	name, value := cmp.Or(text(parts[0]), "change"), parts[1]
	inner := members(value, "messages", "statuses", "metadata", "from", "id")
	account := field(inner[2], "phone_number_id")
	messages, statuses := elements(inner[0]), elements(inner[1])
	var events []Event
	for _, message := range messages {
		facts := members(message, "from", "id")
		part := withMember(value, "messages", listOf(message))
		if len(statuses) > 0 {
			part = withMember(part, "statuses", []byte("[]"))
		}
		key := Key{Value: text(facts[1]), Rule: metaMessageKey, Item: message}
		events = append(events, metaEvent(name, account, text(facts[0]), key, withMember(change, "value", part)))
	}
	for _, status := range statuses {
		facts := members(status, "recipient_id", "id", "status")
		part := withMember(value, "statuses", listOf(status))
		if len(messages) > 0 {
			part = withMember(part, "messages", []byte("[]"))
		}
		key := Key{Value: text(facts[1]), Rule: metaStatusKey, Item: status}
		if key.Value != "" {
			key.Value += ":" + text(facts[2])
		}
		events = append(events, metaEvent("statuses", account, text(facts[0]), key, withMember(change, "value", part)))
	}
	if len(events) == 0 {
		events = []Event{metaEvent(name, account, firstID(inner[3]), Key{Item: change}, change)}
	}
	return events
}

// metaMessaging reads an item of Messenger or Instagram.
func metaMessaging(page string, item []byte) Event {
	parts := members(item, "sender", "message", "postback", "delivery", "read", "reaction", "timestamp")
	for i, kind := range []string{"message", "postback", "delivery", "read", "reaction"} {
		if part := parts[i+1]; part != nil {
			return metaEvent(kind, page, firstID(parts[0]), Key{Value: field(part, "mid"), Rule: metaItemKey, Item: item}, nil).keyed(kind)
		}
	}
	return metaEvent("messaging", page, firstID(parts[0]), Key{Item: item}, nil)
}

func metaEvent(kind, account, user string, key Key, body []byte) Event {
	event := Event{Type: "meta." + kind, User: user, Key: key, Body: body}
	if account != "" && user != "" {
		event.OrderKey = account + ":" + user
	}
	return event
}

// keyed tells apart the events that one message can have.
func (e Event) keyed(kind string) Event {
	if e.Key.Value != "" && kind != "message" {
		e.Key.Value = kind + ":" + e.User + ":" + e.Key.Value
	}
	return e
}
