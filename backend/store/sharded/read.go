package sharded

import (
	"context"
	"errors"
	"fmt"
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

// User returns what is known about a user. It asks one shard.
func (s *Store) User(ctx context.Context, q store.UserQuery) (u *store.User, err error) {
	err = s.read(ctx, event.BucketOf(q.Subject), func(ctx context.Context, e Engine) error {
		u, err = e.User(ctx, q)
		return err
	})
	return u, err
}

// read asks the shard that has a bucket. A read that has to see everything looks afterwards
// whether the bucket was still there, and else asks where it went.
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
		if err := m.look(ctx); err != nil {
			return err
		}
		if s.routes.Load().owners[bucket] == m.name {
			return err
		}
	}
	return errMoving
}

// reader is the shard that has a bucket.
func (s *Store) reader(ctx context.Context, bucket int) (*member, error) {
	routes := s.routes.Load()
	// What is known of one of two shards may be what was so before the last move.
	for _, name := range routes.open[bucket] {
		if m := s.member(name); m != nil {
			if _, err := m.readable(ctx); err != nil {
				return nil, err
			}
		}
	}
	name := routes.owners[bucket]
	if m := s.member(name); m != nil {
		return m, nil
	}
	return nil, unknown(name)
}

// ask asks the shard, for as long as what it answers counts: afterwards a move may have
// removed what it moved away.
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
