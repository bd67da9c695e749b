package sharded

import (
	"context"
	"errors"
	"fmt"

	"github.com/botgate/botgate/backend/store"
)

// errMoving is what a call gets whose buckets no shard takes at the moment.
var errMoving = fmt.Errorf("%w: its buckets are between two shards; unless that ends by itself, call shard move again", store.ErrUnavailable)

// Append implements [store.Store] for entries of one shard, see [Store.ShardOf]. It returns
// [store.ErrFenced] when that is no longer so: the caller then asks ShardOf again.
func (s *Store) Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	if err := s.refreshBetween(ctx, entries); err != nil {
		return nil, err
	}
	m, err := s.owner(entries)
	if err != nil {
		return nil, err
	}
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	recorded, err := m.Append(ctx, entries)
	m.noteWrite(err)
	if errors.Is(err, store.ErrFenced) {
		s.rerouted.Inc()
		if stale := m.refresh(ctx); stale != nil {
			return nil, stale
		}
	}
	if err != nil {
		return nil, fmt.Errorf("shard %s: %w", m.name, err)
	}
	return recorded, nil
}

// owner is the shard of all the entries.
func (s *Store) owner(entries []store.Entry) (*member, error) {
	routes, mixed := s.routes.Load(), false
	var owner *member
	for _, e := range entries {
		name := routes.Owners[e.Bucket]
		switch m := s.member(name); {
		case m == nil:
			return nil, unknown(name)
		case routes.Between[e.Bucket] != nil:
			return nil, errMoving
		default:
			mixed = mixed || owner != nil && m != owner
			owner = m
		}
	}
	if mixed {
		return nil, fmt.Errorf("events of several shards: %w", store.ErrFenced)
	}
	return owner, nil
}

// refreshBetween re-reads the fences of both shards that a bucket of the entries is between: one
// of them may have been lifted since the last poll.
func (s *Store) refreshBetween(ctx context.Context, entries []store.Entry) error {
	routes := s.routes.Load()
	if len(routes.Between) == 0 {
		return nil
	}
	pair := map[string]bool{}
	for _, e := range entries {
		for _, name := range routes.Between[e.Bucket] {
			pair[name] = true
		}
	}
	for name := range pair {
		if m := s.member(name); m != nil {
			if err := m.refresh(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
