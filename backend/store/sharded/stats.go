package sharded

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/botgate/botgate/backend/store"
)

// Stats returns the sum over all shards. It fails where one does not answer: the numbers
// would be too small. While buckets move, what was copied already counts twice.
func (s *Store) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	_, members, absent := s.holders(ctx)
	parts, errs := make([][]store.Minute, len(members)), make([]error, len(members))
	s.each(members, func(i int, m *member) {
		errs[i] = m.ask(ctx, func(ctx context.Context, e Engine) (err error) {
			parts[i], err = e.Stats(ctx, q)
			return err
		})
	})
	if err := errors.Join(append(errs, joined(absent))...); err != nil {
		return nil, fmt.Errorf("reading statistics: %w", err)
	}
	return sumMinutes(parts), nil
}

// sumMinutes adds up what happened in the same minute.
func sumMinutes(parts [][]store.Minute) []store.Minute {
	if len(parts) == 1 {
		return parts[0]
	}
	all := slices.Concat(parts...)
	slices.SortStableFunc(all, func(a, b store.Minute) int { return a.Minute.Compare(b.Minute) })
	sum := all[:0]
	for _, m := range all {
		if n := len(sum); n > 0 && sum[n-1].Minute.Equal(m.Minute) {
			sum[n-1].Counts.Add(m.Counts, 1)
			sum[n-1].Duration += m.Duration
			continue
		}
		sum = append(sum, m)
	}
	return sum[:min(len(sum), store.MaxMinutes)]
}
