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
	return store.SumMinutes(slices.Concat(parts...)), nil
}
