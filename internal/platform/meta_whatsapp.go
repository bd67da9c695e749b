package platform

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// whatsApp is the value of a change of WhatsApp
// (https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference).
type whatsApp struct {
	// number is Meta's id of the business's number, dialled how it is dialled.
	number, dialled string
	items           []whatsAppItem
	// around is the value without items and contacts.
	around []byte
	// contacts are those in the value by the ids that items name; unclaimed are those whom none
	// names, with commas between them.
	contacts  map[string][][]byte
	unclaimed []byte
}

// whatsAppItem is what one item of a list says.
type whatsAppItem struct {
	list string
	raw  []byte
	rule Rule
	// kind is the event's type where that is not the change's field.
	kind string
	// user is a person; chat is the group, where there is one.
	user, chat string
	// key tells its delivery from others.
	key []string
	// people are the ids of the persons in it.
	people []string
}

// whatsAppLists says how the items of each list are read, and how their deliveries are told apart.
var whatsAppLists = []struct {
	name string
	rule Rule
	read func(w *whatsApp, raw []byte) whatsAppItem
}{
	{"messages", metaMessageKey, (*whatsApp).message},
	{"statuses", metaStatusKey, (*whatsApp).status},
	{"calls", metaCallKey, (*whatsApp).call},
	{"message_echoes", metaMessageKey, (*whatsApp).echo},
	{"user_preferences", metaNoticeKey, (*whatsApp).notice},
	{"user_id_update", metaNoticeKey, (*whatsApp).notice},
	{"groups", metaNoticeKey, (*whatsApp).group},
}

func readWhatsApp(value []byte) *whatsApp {
	parts := members(value, "metadata", "contacts")
	number := members(parts[0], "phone_number_id", "display_phone_number")
	w := &whatsApp{number: text(number[0]), dialled: text(number[1]), around: emptied(value, "contacts")}
	named := map[string]bool{}
	for _, list := range whatsAppLists {
		before := len(w.items)
		for raw := range elements(members(value, list.name)[0]) {
			if len(w.items) > maxBatchItems {
				break // That is one too many already.
			}
			item := list.read(w, raw)
			item.list, item.raw, item.rule = list.name, raw, list.rule
			item.people = slices.DeleteFunc(item.people, func(id string) bool { return id == "" })
			for _, id := range item.people {
				named[id] = true
			}
			w.items = append(w.items, item)
		}
		if len(w.items) > before {
			w.around = withMember(w.around, list.name, []byte("[]"))
		}
	}
	w.findContacts(elements(parts[1]), named)
	return w
}

func (w *whatsApp) findContacts(contacts iter.Seq[[]byte], named map[string]bool) {
	w.contacts = map[string][][]byte{}
	for contact := range contacts {
		claimed := false
		for _, id := range texts(contact, "wa_id", "user_id") {
			if id != "" && named[id] {
				w.contacts[id] = append(w.contacts[id], contact)
				claimed = true
			}
		}
		if !claimed {
			if w.unclaimed != nil {
				w.unclaimed = append(w.unclaimed, ',')
			}
			w.unclaimed = append(w.unclaimed, contact...)
		}
	}
}

// message is one that a person wrote. One with a username may have no number to be seen, but has
// an id for this business.
func (w *whatsApp) message(raw []byte) whatsAppItem {
	f := texts(raw, "from", "from_user_id", "group_id", "id")
	return whatsAppItem{user: cmp.Or(f[0], f[1]), chat: f[2], key: f[3:], people: f[:2]}
}

// status is what became of a message or call of the business. In a group, each participant has one.
func (w *whatsApp) status(raw []byte) whatsAppItem {
	f := texts(raw, "recipient_id", "recipient_user_id", "recipient_participant_id", "recipient_participant_user_id",
		"recipient_type", "id", "status")
	item := whatsAppItem{kind: "statuses", user: cmp.Or(f[0], f[1]), people: f[:4]}
	if f[4] == "group" {
		item.user, item.chat, item.people = cmp.Or(f[2], f[3]), f[0], f[2:4]
	}
	item.key = []string{f[5], f[6], item.user}
	return item
}

// call is a step of a call, in either direction.
func (w *whatsApp) call(raw []byte) whatsAppItem {
	f := texts(raw, "from", "from_user_id", "to", "to_user_id", "direction", "id", "event")
	item := whatsAppItem{user: w.person(f[0], f[1], f[2], f[3]), key: f[5:], people: f[:4]}
	if f[4] == "BUSINESS_INITIATED" {
		item.user = w.person(f[2], f[3], f[0], f[1])
	}
	return item
}

// echo is a message that the business wrote in its own app.
func (w *whatsApp) echo(raw []byte) whatsAppItem {
	f := texts(raw, "to", "to_user_id", "from", "from_user_id", "group_id", "id")
	return whatsAppItem{user: w.person(f[0], f[1], f[2], f[3]), chat: f[4], key: f[5:], people: f[:4]}
}

// notice is what a person, or Meta, changed about the person.
func (w *whatsApp) notice(raw []byte) whatsAppItem {
	f := texts(raw, "wa_id", "user_id", "timestamp", "category", "value")
	current := field(raw, "user_id", "current")
	return whatsAppItem{user: cmp.Or(f[0], f[1], current), key: f, people: []string{f[0], f[1], current}}
}

// group is what happened to a group.
func (w *whatsApp) group(raw []byte) whatsAppItem {
	f := texts(raw, "wa_id", "user_id", "group_id", "type", "request_id", "timestamp")
	return whatsAppItem{user: cmp.Or(f[0], f[1]), chat: f[2], key: f, people: f[:2]}
}

// person is the first of those who talk that is not the business itself, "" where none is.
func (w *whatsApp) person(ids ...string) string {
	for _, id := range ids {
		if id != "" && id != w.dialled && (digits(id) == "" || digits(id) != digits(w.dialled)) {
			return id
		}
	}
	return ""
}

// digits are those of a telephone number, however it is written.
func digits(number string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
}
