package sharded

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Retain is [store.Maintainer.Retain] in every shard. The days are those that any shard
// dropped, even if others failed.
func (s *Store) Retain(ctx context.Context, before time.Time) ([]time.Time, error) {
	days, err := fromAll(ctx, s, func(m *member) ([]time.Time, error) { return m.Retain(ctx, before) })
	return union(days), err
}

// Days returns the days of the log that have entries in any shard, oldest first. All have
// to answer.
func (s *Store) Days(ctx context.Context) ([]time.Time, error) {
	days, err := fromAll(ctx, s, func(m *member) ([]time.Time, error) { return m.Days(ctx) })
	return union(days), err
}

func union(parts [][]time.Time) []time.Time {
	days := slices.Concat(parts...)
	slices.SortFunc(days, time.Time.Compare)
	return slices.CompactFunc(days, time.Time.Equal)
}

// Rebuild is [store.Maintainer.Rebuild] in every shard, and returns how many entries they read
// together.
func (s *Store) Rebuild(ctx context.Context, day time.Time) (entries int64, err error) {
	parts, err := fromAll(ctx, s, func(m *member) (int64, error) { return m.Rebuild(ctx, day) })
	for _, n := range parts {
		entries += n
	}
	return entries, err
}

// Erase is [store.Maintainer.Erase] in every shard: a copy of the user's events may be on its
// way to another one, or be left over from a move. So all have to be there; after an error
// it is to be called again.
func (s *Store) Erase(ctx context.Context, subject string, before time.Time, erased func(events int64) error) (events int64, err error) {
	var one sync.Mutex // Shards erase at the same time.
	told := func(events int64) error {
		one.Lock()
		defer one.Unlock()
		return erased(events)
	}
	if erased == nil {
		told = nil
	}
	parts, err := fromAll(ctx, s, func(m *member) (int64, error) { return m.Erase(ctx, subject, before, told) })
	return slices.Max(parts), err
}

// fromAll calls f for every shard, and joins the errors.
func fromAll[T any](ctx context.Context, s *Store, f func(*member) (T, error)) ([]T, error) {
	parts := make([]T, len(s.members))
	errs := s.onEach(ctx, func(i int, m *member) (err error) {
		parts[i], err = f(m)
		return err
	})
	return parts, errors.Join(errs...)
}
