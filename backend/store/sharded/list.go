package sharded

import (
	"context"
	"fmt"
	"slices"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// List implements [store.Store]. The list of a user asks one shard. Others ask each for a
// page behind the position and merge them; shards that do not answer are in
// [store.Page.Missing], unless none does.
func (s *Store) List(ctx context.Context, q store.Query) (page *store.Page, err error) {
	if q.Subject != "" {
		err = s.read(ctx, event.BucketOf(q.Subject), func(ctx context.Context, e Engine) error {
			page, err = e.List(ctx, q)
			return err
		})
		return page, err
	}
	q.Limit = q.Size()
	all, absent, err := gather(ctx, s, q.Limit, listing[*store.Record]{
		bucket:  func(r *store.Record) int { return event.BucketOfID(r.Event.ID) },
		compare: func(a, b *store.Record) int { return q.Compare(a.Position(), b.Position()) },
		next:    listPages(q),
	})
	if err == nil && len(absent) > 0 && len(absent) == len(s.routes.Load().has) {
		err = joined(absent)
	}
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	page = &store.Page{Records: all.items}
	if all.next != nil {
		page.Next = new((*all.next).Position())
	}
	for _, a := range absent {
		page.Missing = append(page.Missing, a.name)
	}
	slices.Sort(page.Missing)
	return page, nil
}

func listPages(q store.Query) pager[*store.Record] {
	return func(ctx context.Context, e Engine, after **store.Record) (f found[*store.Record], err error) {
		q := q
		if after != nil {
			q.After = (*after).Position()
		}
		page, err := e.List(ctx, q)
		if err != nil {
			return f, err
		}
		if f.items = page.Records; page.Next != nil { // Which may be no event's: see [store.Query.Scan].
			f.next = new(&store.Record{Event: &event.Event{Time: page.Next.Time, ID: page.Next.ID}})
		}
		return f, nil
	}
}

// Log returns a page of the log over all shards, or of a user's. It fails where a shard
// does not answer: what follows behind the page would never have what is missing.
func (s *Store) Log(ctx context.Context, q store.LogQuery) (entries []store.Entry, err error) {
	if q.Subject != "" {
		err = s.read(ctx, event.BucketOf(q.Subject), func(ctx context.Context, e Engine) error {
			entries, err = e.Log(ctx, q)
			return err
		})
		return entries, err
	}
	q.Limit = q.Size()
	all, absent, err := gather(ctx, s, q.Limit, listing[store.Entry]{
		bucket:  func(e store.Entry) int { return e.Bucket },
		compare: func(a, b store.Entry) int { return a.Position().Compare(b.Position()) },
		next:    logPages(q),
	})
	if err == nil {
		err = joined(absent)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	return all.items, nil
}

func logPages(q store.LogQuery) pager[store.Entry] {
	return func(ctx context.Context, e Engine, after *store.Entry) (f found[store.Entry], err error) {
		q := q
		if after != nil {
			q.After = after.Position()
		}
		f.items, err = e.Log(ctx, q)
		if len(f.items) == q.Limit {
			f.next = &f.items[q.Limit-1]
		}
		return f, err
	}
}
