package sharded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// Retain is [store.Maintainer.Retain] in every shard. One that fails keeps no other from it;
// the days are those that any of them dropped.
func (s *Store) Retain(ctx context.Context, before time.Time) (store.Retained, error) {
	days, err := s.days(ctx, func(m *member) ([]time.Time, error) {
		r, err := m.Retain(ctx, before)
		return r.Days, err
	})
	return store.Retained{Days: days}, err
}

// Days returns the days of the log that have entries in any shard, oldest first. All have
// to answer.
func (s *Store) Days(ctx context.Context) ([]time.Time, error) {
	return s.days(ctx, func(m *member) ([]time.Time, error) { return m.Days(ctx) })
}

func (s *Store) days(ctx context.Context, of func(*member) ([]time.Time, error)) (days []time.Time, err error) {
	parts := make([][]time.Time, len(s.members))
	err = s.everywhere(ctx, func(i int, m *member) (err error) {
		parts[i], err = of(m)
		return err
	})
	days = slices.Concat(parts...)
	slices.SortFunc(days, time.Time.Compare)
	return slices.CompactFunc(days, time.Time.Equal), err
}

// Rebuild is [store.Maintainer.Rebuild] in every shard, and returns how many entries they read
// together.
func (s *Store) Rebuild(ctx context.Context, day time.Time) (entries int64, err error) {
	parts := make([]int64, len(s.members))
	err = s.everywhere(ctx, func(i int, m *member) (err error) {
		parts[i], err = m.Rebuild(ctx, day)
		return err
	})
	for _, n := range parts {
		entries += n
	}
	return entries, err
}

// Erase is [store.Maintainer.Erase] in every shard: a copy of the user's events may be on its
// way to another one, or be left over from a move. So all have to be there; after an error
// it is to be called again.
func (s *Store) Erase(ctx context.Context, subject string, before time.Time) (erased store.Erased, err error) {
	parts := make([]int64, len(s.members))
	err = s.everywhere(ctx, func(i int, m *member) error {
		e, err := m.Erase(ctx, subject, before)
		parts[i] = e.Events
		return err
	})
	return store.Erased{Events: slices.Max(parts)}, err
}

// everywhere calls f for every shard, and joins the errors.
func (s *Store) everywhere(ctx context.Context, f func(i int, m *member) error) error {
	errs := make([]error, len(s.members))
	s.each(s.members, func(i int, m *member) {
		if errs[i] = m.usable(ctx); errs[i] != nil {
			return
		}
		if err := f(i, m); err != nil {
			errs[i] = fmt.Errorf("shard %s: %w", m.name, err)
		}
	})
	return errors.Join(errs...)
}
