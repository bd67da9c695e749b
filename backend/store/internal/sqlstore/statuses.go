package sqlstore

import (
	"slices"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// EachStatus makes a page of those that list returns for each status of a query by itself: an index by
// the status has each of them in the order of the list, but not all together.
func EachStatus(q store.Query, list func(store.Query) (*store.Page, error)) (*store.Page, error) {
	var pages []*store.Page
	for _, status := range q.Statuses {
		one := q
		one.Statuses = []event.Status{status}
		page, err := list(one)
		if err != nil {
			return nil, err
		}
		pages = append(pages, page)
	}
	return merge(q, pages), nil
}

// merge joins pages of the same part of a list. Where one of them ends, the others may have more than is
// known of that one; what is behind it comes with the next page.
func merge(q store.Query, pages []*store.Page) *store.Page {
	if len(pages) == 1 {
		return pages[0]
	}
	all := &store.Page{}
	for _, p := range pages {
		all.Records = append(all.Records, p.Records...)
		if p.Next != nil && (all.Next == nil || q.Compare(*p.Next, *all.Next) < 0) {
			all.Next = p.Next
		}
	}
	slices.SortFunc(all.Records, func(a, b *store.Record) int { return q.Compare(a.Position(), b.Position()) })
	// The status may have changed between two statements.
	all.Records = slices.CompactFunc(all.Records, func(a, b *store.Record) bool { return a.Event.ID == b.Event.ID })
	if all.Next != nil {
		all.Records = slices.DeleteFunc(all.Records, func(r *store.Record) bool { return q.Compare(r.Position(), *all.Next) > 0 })
	}
	if size := q.Size(); len(all.Records) > size {
		all.Next = new(all.Records[size-1].Position())
		all.Records = all.Records[:size]
	}
	return all
}
