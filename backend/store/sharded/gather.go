package sharded

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/botgate/botgate/backend/store"
)

// pager reads a page of what a shard has, behind an element unless that is nil.
type pager[T any] func(ctx context.Context, e Engine, after *T) (found[T], error)

// found is what one shard has of an answer, or all of them.
type found[T any] struct {
	items []T
	// next is behind what the answer goes on; nil at the end.
	next *T
}

// missing is a shard that did not answer.
type missing struct {
	name string
	err  error
}

// listing is a list over all shards.
type listing[T any] struct {
	bucket  func(T) int
	compare func(a, b T) int
	next    pager[T]
}

// gather is the scatter-gather of a list: it returns the first elements, and where there are
// more, with the shards that did not answer. It asks every shard for as many as are needed, of the
// buckets that it owns: while buckets move, two shards have them. A read that has to see everything
// checks afterwards that all buckets were still there.
func gather[T any](ctx context.Context, s *Store, need int, list listing[T]) (f found[T], absent []missing, err error) {
	for range len(s.members) + 2 {
		routes, members, absent := s.holders(ctx)
		f, absent, err = gatherFrom(ctx, s, routes, members, absent, need, list)
		if err != nil || !store.IsFresh(ctx) || len(s.members) == 1 || s.routes.Load() == routes {
			return f, absent, err
		}
	}
	return f, nil, errMoving
}

func gatherFrom[T any](ctx context.Context, s *Store, routes *Routes, members []*member, absent []missing,
	need int, list listing[T],
) (all found[T], _ []missing, _ error) {
	parts, errs := make([]found[T], len(members)), make([]error, len(members))
	s.each(members, func(i int, m *member) {
		mine := func(item T) bool { return routes.Owners[list.bucket(item)] == m.name }
		errs[i] = m.ask(ctx, func(ctx context.Context, e Engine) (err error) {
			parts[i], err = collect(ctx, e, need, mine, list.next)
			return err
		})
		if errs[i] == nil && store.IsFresh(ctx) && !m.alone {
			errs[i] = m.refresh(ctx)
		}
	})
	for i, err := range errs {
		switch {
		case err == nil:
			all.items = append(all.items, parts[i].items...)
			if next := parts[i].next; next != nil && (all.next == nil || list.compare(*next, *all.next) < 0) {
				all.next = next
			}
		case ctx.Err() == nil && errors.Is(err, store.ErrUnavailable):
			absent = append(absent, missing{members[i].name, err})
		default:
			return all, nil, err
		}
	}
	slices.SortFunc(all.items, list.compare)
	if all.next != nil { // Behind it one shard has not been looked through.
		all.items = slices.DeleteFunc(all.items, func(item T) bool { return list.compare(item, *all.next) > 0 })
	}
	if len(all.items) > need {
		all = found[T]{all.items[:need], &all.items[need-1]}
	}
	return all, absent, nil
}

// holders are the shards that have any bucket, and those of them that are not configured.
func (s *Store) holders(ctx context.Context) (routes *Routes, members []*member, absent []missing) {
	// Before each shard was asked for its fences, the routes are those of the configuration.
	s.each(s.members, func(_ int, m *member) { _ = m.awaitFirst(ctx) })
	routes = s.routes.Load()
	for _, name := range slices.Sorted(maps.Keys(routes.has)) {
		if m := s.member(name); m != nil {
			members = append(members, m)
		} else {
			absent = append(absent, missing{name, unknown(name)})
		}
	}
	return routes, members, absent
}

// collect follows the pages of a shard until it has what is needed. A page that is not full ends it, too: the shard
// has looked through as much as it may.
func collect[T any](ctx context.Context, e Engine, need int, mine func(T) bool, next pager[T]) (f found[T], err error) {
	for {
		page, err := next(ctx, e, f.next)
		if err != nil {
			return f, err
		}
		for _, item := range page.items {
			if mine(item) {
				f.items = append(f.items, item)
			}
		}
		if f.next = page.next; f.next == nil || len(f.items) >= need || len(page.items) < need {
			return f, nil
		}
	}
}

func joined(absent []missing) error {
	errs := make([]error, len(absent))
	for i, a := range absent {
		errs[i] = a.err
	}
	return errors.Join(errs...)
}
