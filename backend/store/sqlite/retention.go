package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// Retain implements [store.Maintainer]. Freed pages are reused; the file does not shrink.
func (s *Store) Retain(ctx context.Context, before time.Time) (store.Retained, error) {
	var done store.Retained
	if before.IsZero() {
		return done, nil
	}
	days, err := s.Days(ctx)
	if err != nil {
		return done, err
	}
	for _, day := range days {
		if nextDay(day).After(before) {
			break
		}
		if err := s.drop(ctx, day); err != nil {
			return done, fmt.Errorf("dropping the log of %s: %w", day.Format(time.DateOnly), classify(err))
		}
		done.Days = append(done.Days, day)
	}
	return done, nil
}

func (s *Store) drop(ctx context.Context, day time.Time) error {
	return inSteps(ctx, func() (last bool, err error) {
		return last, s.step(ctx, func(ctx context.Context, t *transaction) error {
			rows, err := t.entries(ctx, selectDay, day.UnixMicro(), "", nextDay(day).UnixMicro(), removeRows)
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
