package sharded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// Get implements [store.Store]. It asks one shard.
func (s *Store) Get(ctx context.Context, id string) (r *store.Record, err error) {
	err = s.read(ctx, event.BucketOfID(id), func(ctx context.Context, e Engine) error {
		r, err = e.Get(ctx, id)
		return err
	})
	return r, err
}

// User implements [store.Store]. It asks one shard.
func (s *Store) User(ctx context.Context, q store.UserQuery) (u *store.User, err error) {
	err = s.read(ctx, event.BucketOf(q.Subject), func(ctx context.Context, e Engine) error {
		u, err = e.User(ctx, q)
		return err
	})
	return u, err
}

// Users implements [store.Store]. It fails where a shard does not answer.
func (s *Store) Users(ctx context.Context, q store.UsersQuery) (*store.UsersPage, error) {
	pages, err := askAll(ctx, s, func(ctx context.Context, e Engine) (*store.UsersPage, error) { return e.Users(ctx, q) })
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	all := &store.UsersPage{}
	for _, page := range pages {
		all.Users = append(all.Users, page.Users...)
		if page.Next != "" && (all.Next == "" || page.Next < all.Next) {
			all.Next = page.Next
		}
	}
	slices.Sort(all.Users)
	all.Users = slices.Compact(all.Users) // While buckets move, two shards have their users.
	if all.Next != "" {                   // Behind it one shard has not been looked at.
		all.Users = slices.DeleteFunc(all.Users, func(name string) bool { return name > all.Next })
	}
	if size := q.Size(); len(all.Users) > size {
		all.Users, all.Next = all.Users[:size], all.Users[size-1]
	}
	return all, nil
}

// read asks the shard that has a bucket. A read that has to see everything checks afterwards
// that the bucket was still there, and else asks where it went.
func (s *Store) read(ctx context.Context, bucket int, ask func(context.Context, Engine) error) error {
	for range len(s.members) + 2 {
		m, err := s.reader(ctx, bucket)
		if err != nil {
			return err
		}
		err = m.ask(ctx, ask)
		if m.alone || !store.IsFresh(ctx) || errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if err := m.refresh(ctx); err != nil {
			return err
		}
		if s.routes.Load().Owners[bucket] == m.name {
			return err
		}
	}
	return errMoving
}

// reader is the shard that has a bucket, by fences that were read recently: those of the
// shard itself and, after an interrupted move, of both that have the bucket.
func (s *Store) reader(ctx context.Context, bucket int) (*member, error) {
	for range len(s.members) + 1 {
		routes := s.routes.Load()
		m := s.member(routes.Owners[bucket])
		if m == nil {
			return nil, unknown(routes.Owners[bucket])
		}
		for _, name := range routes.Between[bucket] {
			if other := s.member(name); other != nil && other != m {
				if _, err := other.readable(ctx); err != nil {
					return nil, err
				}
			}
		}
		if _, err := m.readable(ctx); err != nil {
			return nil, err
		}
		if s.routes.Load().Owners[bucket] == m.name {
			return m, nil
		}
	}
	return nil, errMoving
}

// ask asks the shard, for as long as its answers count: afterwards a move may have dropped
// what it moved.
func (m *member) ask(ctx context.Context, ask func(context.Context, Engine) error) error {
	until, err := m.readable(ctx)
	if err != nil {
		return err
	}
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	err = ask(ctx, m.Engine)
	switch {
	case !until.IsZero() && time.Now().After(until):
		return fmt.Errorf("shard %s: %w: it took too long", m.name, store.ErrUnavailable)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("shard %s: %w", m.name, err)
	}
	return err
}

// Count returns the sum over all shards. It fails where one does not answer. While buckets move, what
// was copied already counts twice.
func (s *Store) Count(ctx context.Context, status event.Status, limit int) (n int64, err error) {
	counts, err := askAll(ctx, s, func(ctx context.Context, e Engine) (int64, error) { return e.Count(ctx, status, limit) })
	if err != nil {
		return 0, fmt.Errorf("counting events: %w", err)
	}
	for _, count := range counts {
		n += count
	}
	return min(n, int64(limit)), nil
}

// Stats returns the sum over all shards. It fails where one does not answer: the numbers
// would be too small. While buckets move, what was copied already counts twice.
func (s *Store) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	parts, err := askAll(ctx, s, func(ctx context.Context, e Engine) ([]store.Minute, error) { return e.Stats(ctx, q) })
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", err)
	}
	return store.SumMinutes(slices.Concat(parts...)), nil
}

// askAll returns the answers of all shards.
func askAll[T any](ctx context.Context, s *Store, ask func(context.Context, Engine) (T, error)) ([]T, error) {
	_, members, absent := s.holders(ctx)
	parts, errs := make([]T, len(members)), make([]error, len(members))
	s.each(members, func(i int, m *member) {
		errs[i] = m.ask(ctx, func(ctx context.Context, e Engine) (err error) {
			parts[i], err = ask(ctx, e)
			return err
		})
	})
	return parts, errors.Join(append(errs, joined(absent))...)
}
