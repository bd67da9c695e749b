package platform

import (
	"crypto/subtle"
	"iter"
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

// Read makes one event of each item that Meta joins in one request: messages, statuses and calls
// of WhatsApp, items of Messenger and Instagram, other changes. Order is kept between an account
// or page and a user, and in a group.
func (m meta) Read(req *Request, document []byte) (Delivery, error) {
	reply := emptyReply(http.StatusOK)
	events, err := collect(req, metaEvents(document))
	if err == nil && len(events) == 0 {
		return single(Event{Type: "meta.event"}, reply)
	}
	return Delivery{Events: events, Reply: reply}, err
}

// metaLists are where an entry has what happened at an account or page. An app that does not own
// a conversation hears of it in standby.
var metaLists = []string{"changes", "messaging", "standby"}

// metaEvents yields the events of all entries, each with the request's envelope around it.
func metaEvents(document []byte) iter.Seq[batched] {
	return func(yield func(batched) bool) {
		list := members(document, "entry")[0]
		if list == nil {
			return
		}
		envelope := frameOf(document, "entry")
		for entry := range elements(list) {
			for event := range metaFacts(entry).ofEntry(entry) {
				event.parts = envelope.aroundItem(event.parts...)
				if !yield(event) {
					return
				}
			}
		}
	}
}

// metaEntry is an account or page, and when Meta has put together what it says.
type metaEntry struct{ id, time string }

func metaFacts(entry []byte) metaEntry {
	parts := members(entry, "id", "time")
	return metaEntry{text(parts[0]), text(parts[1])}
}

// ofEntry yields the events of an entry, whose parts are those of an entry with nothing else.
func (m metaEntry) ofEntry(entry []byte) iter.Seq[batched] {
	return func(yield func(batched) bool) {
		around := emptied(entry, metaLists...)
		for n, list := range members(entry, metaLists...) {
			if list == nil {
				continue
			}
			shell := frameOf(around, metaLists[n])
			for item := range elements(list) {
				for event := range m.events(metaLists[n], item) {
					event.parts = shell.aroundItem(event.parts...)
					if !yield(event) {
						return
					}
				}
			}
		}
	}
}

// events yields those of an item of the list. The parts of an event are its part of the list.
func (m metaEntry) events(list string, item []byte) iter.Seq[batched] {
	if list == "changes" {
		return m.change(item)
	}
	event := batched{m.messaging(item, list == "standby"), [][]byte{item}}
	return func(yield func(batched) bool) { yield(event) }
}

// metaOrder is empty without a chat: the user is the order then.
func metaOrder(account, chat string) string {
	if account == "" || chat == "" {
		return ""
	}
	return account + ":" + chat
}
