package sqlite

import (
	"context"
	"time"

	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

// Retain implements [store.Maintainer]. Freed pages are reused; the file does not shrink.
func (s *Store) Retain(ctx context.Context, before time.Time) ([]time.Time, error) {
	if before.IsZero() {
		return nil, nil
	}
	days, err := s.Days(ctx)
	if err != nil {
		return nil, err
	}
	return sqlstore.RetainDays(ctx, classify, days, before, s.drop)
}

func (s *Store) drop(ctx context.Context, day time.Time) error {
	return inSteps(ctx, func() (last bool, err error) {
		return last, s.step(ctx, func(ctx context.Context, t *transaction) error {
			rows, err := t.entries(ctx, selectDay, day.UnixMicro(), "", sqlstore.NextDay(day).UnixMicro(), removeRows)
			if err != nil {
				return err
			}
			if last = len(rows) == 0; last {
				return t.deleteCounts(ctx, day)
			}
			return t.remove(ctx, rows)
		})
	})
}
