package platform

import (
	"bytes"
	"cmp"
	"slices"
)

// metaKinds are what an item of Messenger or Instagram can be about, the members that go first at
// the front (https://developers.facebook.com/docs/messenger-platform/reference/webhook-events).
var metaKinds = []string{"message", "postback", "delivery", "read", "reaction"}

// metaAddress are the members that every item can have.
var metaAddress = []string{"sender", "recipient", "timestamp", "hop_context", "priority"}

// messaging reads an item of Messenger or Instagram. The user is the person, whoever wrote: the
// sender of an echo is the page. A message can be deleted and edited under its id, and reactions to
// it come and go: the time tells them apart.
func (m metaEntry) messaging(item []byte, standby bool) Event {
	kind, about := metaKind(item)
	if standby {
		kind = "standby"
	}
	parts := members(item, "sender", "recipient", "timestamp")
	inner := members(about, "mid", "is_echo", "user_ref")
	people := []string{metaPerson(parts[0]), metaPerson(parts[1]), text(inner[2])}
	if string(inner[1]) == "true" {
		people[0], people[1] = people[1], people[0]
	}
	user := ""
	if n := slices.IndexFunc(people, func(id string) bool { return id != "" && id != m.id }); n >= 0 {
		user = people[n]
	}
	event := Event{Type: "meta." + kind, User: user, OrderKey: metaOrder(m.id, user)}
	if mid, when := text(inner[0]), text(parts[2]); mid != "" || when != "" {
		event.Key = joinedKey(metaItemKey, item, kind, user, mid, when)
	}
	return event
}

// metaPerson is one who writes or is written to; a visitor of a web site has a reference only,
// which an opt-in there has itself.
func metaPerson(value []byte) string {
	parts := members(value, "id", "user_ref")
	return cmp.Or(text(parts[0]), text(parts[1]))
}

// metaKind returns the name and the value of the member that says what happened.
func metaKind(item []byte) (string, []byte) {
	for n, value := range members(item, metaKinds...) {
		if value != nil {
			return metaKinds[n], value
		}
	}
	for quoted, value := range entries(item) {
		if name := unquote(quoted); bytes.HasPrefix(value, []byte("{")) && !slices.Contains(metaAddress, name) {
			return name, value
		}
	}
	return "messaging", nil
}
