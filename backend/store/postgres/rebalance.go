package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const selectBuckets = selectLog + ` where event_time >= $2 and event_time < $3 and bucket = any ($4)
	and (event_time, id) > ($5, $6) and recorded_at >= $7 order by event_time, id limit $8`

// ReadBuckets implements [store.Maintainer]. It reads the log day by day: an index by bucket
// would slow down every Append.
func (s *Store) ReadBuckets(ctx context.Context, buckets []int, after store.Position, since time.Time, limit int) ([]store.Entry, error) {
	limit = store.LogQuery{Limit: limit}.Size()
	days, err := partitions(ctx, s.primary())
	if err != nil {
		return nil, fmt.Errorf("reading buckets: %w", classify(err))
	}
	var all []store.Entry
	for _, day := range days {
		if !sqlstore.NextDay(day).After(after.Time) {
			continue
		}
		from := slices.MaxFunc([]time.Time{day, after.Time}, time.Time.Compare)
		some, err := sqlstore.All(ctx, query(s.primary()), sqlstore.ScanWithBody, selectBuckets,
			true, from, sqlstore.NextDay(day), buckets, after.Time, after.ID, since, limit-len(all))
		if err != nil {
			return nil, fmt.Errorf("reading buckets: %w", classify(err))
		}
		if all = append(all, some...); len(all) == limit {
			break
		}
	}
	return all, nil
}

// Import implements [store.Maintainer]. It ignores fences: the buckets may be on their way back.
func (s *Store) Import(ctx context.Context, entries []store.Entry) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if _, err := s.record(ctx, &batch{rows: store.Distinct(entries)}); err != nil {
		return fmt.Errorf("importing entries: %w", err)
	}
	return nil
}

// DropFenced implements [store.Maintainer]. Buckets that are not fenced are an error.
func (s *Store) DropFenced(ctx context.Context, buckets []int) error {
	fences, err := s.Fences(ctx)
	if err != nil {
		return err
	}
	if err := sqlstore.CheckFenced(fences, buckets); err != nil {
		return fmt.Errorf("dropping buckets: %w", err)
	}
	days, err := partitions(ctx, s.primary())
	if err == nil {
		_, err = s.removeAll(ctx, days, removal{where: "bucket = any ($2)", arg: buckets}, nil)
	}
	if err != nil {
		return fmt.Errorf("dropping buckets: %w", classify(err))
	}
	return nil
}
