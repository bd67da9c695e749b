package platform

import (
	"bytes"
	"cmp"
	"iter"
)

// change yields the events of a change: one for each item of WhatsApp in it, else the change itself.
func (m metaEntry) change(change []byte) iter.Seq[Event] {
	parts := members(change, "field", "value")
	field, value := cmp.Or(text(parts[0]), "change"), parts[1]
	return func(yield func(Event) bool) {
		w := readWhatsApp(value)
		for n, item := range w.items {
			event := w.event(field, item)
			event.Body = change
			if len(w.items) > 1 {
				event.Body = withMember(change, "value", w.part(n))
			}
			if !yield(event) {
				return
			}
		}
		if len(w.items) == 0 {
			event := m.other(field, change, value)
			event.Body = change
			yield(event)
		}
	}
}

// other reads a change that is not split: of a page, of Instagram, of an account. The console's
// button "Test" puts items of Messenger and Instagram there. Without a user, an account's changes
// keep their order. A change has no name of its own; without a time it may come again with
// the same bytes, and mean something new.
func (m metaEntry) other(field string, change, value []byte) Event {
	parts := members(value, "from", "sender", "recipient")
	if parts[1] != nil && parts[2] != nil {
		return m.messaging(value, false)
	}
	event := Event{Type: "meta." + field, User: textOrID(parts[0])}
	if event.User == "" {
		event.OrderKey = m.id
	}
	if m.time != "" {
		event.Key = joinedKey(metaChangeKey, change, m.id, m.time, field)
	}
	return event
}

// event is that of an item, less its Body.
func (w *whatsApp) event(field string, item whatsAppItem) Event {
	return Event{
		Type: "meta." + cmp.Or(item.kind, field), User: item.user,
		OrderKey: metaOrder(w.number, cmp.Or(item.chat, item.user)),
		Key:      joinedKey(item.rule, item.raw, item.key...),
	}
}

// part is the value of the change with one of its items, and with the contacts of those whom that
// names. Where there is none of them, it keeps the contacts that no item names.
func (w *whatsApp) part(n int) []byte {
	item := w.items[n]
	var own [][]byte
	for _, person := range item.people {
		own = append(own, w.contacts[person]...)
	}
	if len(own) == 0 {
		own = w.unclaimed
	}
	part := withMember(w.around, item.list, listOf(item.raw))
	if members(part, "contacts")[0] != nil {
		part = withMember(part, "contacts", listOf(bytes.Join(unique(own), []byte(","))))
	}
	return part
}

// unique returns the slices without those that are the same memory as one before.
func unique(slices [][]byte) [][]byte {
	seen := make(map[*byte]bool, len(slices))
	var once [][]byte
	for _, slice := range slices {
		if !seen[&slice[0]] {
			seen[&slice[0]] = true
			once = append(once, slice)
		}
	}
	return once
}
