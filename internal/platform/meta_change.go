package platform

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
)

// change yields the events of a change: one for each item of WhatsApp in it, else the change itself.
func (m metaEntry) change(change []byte) iter.Seq[batched] {
	parts := members(change, "field", "value")
	field, value := cmp.Or(text(parts[0]), "change"), parts[1]
	return func(yield func(batched) bool) {
		w := readWhatsApp(value)
		if len(w.items) == 0 {
			yield(batched{m.other(field, change, value), [][]byte{change}})
			return
		}
		if len(w.items) == 1 {
			yield(batched{w.event(field, w.items[0]), [][]byte{change}})
			return
		}
		shell := frameOf(change, "value")
		for n, item := range w.items {
			if !yield(batched{w.event(field, item), shell.around(w.part(n))}) {
				return
			}
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
	contacts := w.unclaimed
	if own := w.contactsOf(item.people); len(own) > 0 {
		contacts = bytes.Join(own, []byte(","))
	}
	part := withMember(w.around, item.list, listOf(item.raw))
	if members(part, "contacts")[0] != nil {
		part = withMember(part, "contacts", listOf(contacts))
	}
	return part
}

// contactsOf are those who have one of the ids, each once, in the order in which they came.
func (w *whatsApp) contactsOf(people []string) [][]byte {
	var lists [][][]byte
	for _, person := range people {
		if list := w.contacts[person]; list != nil {
			lists = append(lists, list)
		}
	}
	if len(lists) == 1 {
		return lists[0]
	}
	all := slices.Concat(lists...)
	// All are slices of the value: the later ones reach less far.
	slices.SortStableFunc(all, func(a, b []byte) int { return cap(b) - cap(a) })
	return slices.CompactFunc(all, func(a, b []byte) bool { return cap(a) == cap(b) })
}
