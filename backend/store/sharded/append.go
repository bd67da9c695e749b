package sharded

import (
	"context"
	"errors"
	"fmt"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// errMoving is what a call gets whose buckets no shard takes at the moment.
var errMoving = fmt.Errorf("%w: its buckets are between two shards; unless that ends by itself, call shard move again", store.ErrUnavailable)

// Append implements [store.Store], with one transaction in each shard that has some of the
// events: where one of them fails, what the others recorded is returned beside the error.
// Events that one shard has go there in one transaction; see [Store.ShardOf].
func (s *Store) Append(ctx context.Context, events []*event.Event) ([]store.Entry, error) {
	var recorded []store.Entry
	for range len(s.members) + 2 {
		parts := s.split(events)
		if len(parts) > 1 { // One shard refuses for itself, several all or none.
			if _, err := store.Entries(events); err != nil {
				return recorded, fmt.Errorf("appending events: %w", err)
			}
		}
		entries, moved, err := s.appendParts(ctx, parts)
		recorded = append(recorded, entries...)
		if err != nil || len(moved) == 0 {
			return recorded, err
		}
		s.metrics.rerouted.Inc()
		if err := s.lookAround(ctx, moved); err != nil {
			return recorded, err
		}
		events = moved
	}
	return recorded, errMoving
}

// lookAround looks at all shards that may have what is between two of them: what is known of
// one may be what was so before.
func (s *Store) lookAround(ctx context.Context, events []*event.Event) error {
	routes := s.routes.Load()
	if len(routes.open) == 0 {
		return nil
	}
	around := map[string]bool{}
	for _, e := range events {
		for _, name := range routes.open[bucketOf(e)] {
			around[name] = true
		}
	}
	for name := range around {
		if m := s.member(name); m != nil {
			if err := m.look(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// part is what one shard gets.
type part struct {
	shard  string
	events []*event.Event
}

func (s *Store) split(events []*event.Event) []part {
	routes := s.routes.Load()
	if len(routes.has) == 1 {
		return []part{{routes.owners[0], events}}
	}
	var parts []part
	index := map[string]int{}
	for _, e := range events {
		shard := routes.owners[bucketOf(e)]
		i, known := index[shard]
		if !known {
			i = len(parts)
			index[shard] = i
			parts = append(parts, part{shard: shard})
		}
		parts[i].events = append(parts[i].events, e)
	}
	return parts
}

// appendParts records the parts, and returns the events whose shard has handed them over. A
// refusal of an event counts more than a shard that is away: it is told first.
func (s *Store) appendParts(ctx context.Context, parts []part) (recorded []store.Entry, moved []*event.Event, err error) {
	entries, errs := make([][]store.Entry, len(parts)), make([]error, len(parts))
	members := make([]*member, len(parts))
	for i, p := range parts {
		members[i] = s.member(p.shard)
	}
	s.each(members, func(i int, m *member) {
		if m == nil {
			errs[i] = unknown(parts[i].shard)
			return
		}
		entries[i], errs[i] = m.append(ctx, parts[i].events)
	})
	var away []error
	for i, err := range errs {
		recorded = append(recorded, entries[i]...)
		switch {
		case err == nil:
		case errors.Is(err, store.ErrFenced):
			moved = append(moved, parts[i].events...)
		case errors.Is(err, store.ErrUnavailable):
			away = append(away, err)
		default:
			return recorded, nil, err
		}
	}
	return recorded, moved, errors.Join(away...)
}

// append records events, or has a look where they are when they moved.
func (m *member) append(ctx context.Context, events []*event.Event) ([]store.Entry, error) {
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	entries, err := m.Append(ctx, events)
	switch {
	case err == nil:
		return entries, nil
	case errors.Is(err, store.ErrFenced):
		if looked := m.look(ctx); looked != nil {
			return entries, looked
		}
	}
	return entries, fmt.Errorf("shard %s: %w", m.name, err)
}
