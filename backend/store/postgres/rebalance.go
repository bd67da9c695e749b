package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
)

const (
	selectBuckets = selectLog + ` where event_time >= $2 and event_time < $3 and bucket = any ($4)
	and (event_time, id) > ($5, $6) and recorded_at >= $7 order by event_time, id limit $8`

	selectFences = `select bucket, shard from moved_buckets`
	deleteFences = `delete from moved_buckets where bucket = any ($1)`
	insertFences = `insert into moved_buckets as m (bucket, shard) select unnest($1::smallint[]), $2 on conflict (bucket) do update set shard = excluded.shard`
)

// errNotFenced prevents dropping the only copy.
var errNotFenced = errors.New("bucket is not fenced")

func smallints(buckets []int) []int16 {
	small := make([]int16, len(buckets))
	for i, b := range buckets {
		small[i] = int16(b)
	}
	return small
}

// ReadBuckets implements [store.Maintainer]. It reads the log day by day: an index by bucket
// would slow down every Append.
func (s *Store) ReadBuckets(ctx context.Context, buckets []int, after store.BucketPosition, since time.Time, limit int) ([]store.Entry, error) {
	limit = statement.LogSize(limit)
	days, err := partitions(ctx, s.primary())
	if err != nil {
		return nil, fmt.Errorf("reading buckets: %w", classify(err))
	}
	var all []store.Entry
	for _, day := range days {
		if !nextDay(day).After(after.EventTime) {
			continue
		}
		from := slices.MaxFunc([]time.Time{day, after.EventTime}, time.Time.Compare)
		args := []any{planned, true, from, nextDay(day), smallints(buckets), after.EventTime, after.ID, since, limit - len(all)}
		rows, _ := s.primary().Query(ctx, selectBuckets, args...)
		some, err := pgx.CollectRows(rows, scanWithBody) // Returns the error of Query as well.
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
	rows := slices.Clone(entries)
	slices.SortStableFunc(rows, func(a, b store.Entry) int { return cmp.Compare(a.ID, b.ID) })
	rows = slices.CompactFunc(rows, func(a, b store.Entry) bool { return a.ID == b.ID })
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if _, err := s.record(ctx, &batch{rows: rows}); err != nil {
		return fmt.Errorf("importing entries: %w", err)
	}
	return nil
}

// Fence implements [store.Maintainer].
func (s *Store) Fence(ctx context.Context, buckets []int, shard string, last func(context.Context) error) error {
	var refused error
	err := s.exclusively(ctx, allDays, func(tx pgx.Tx) error {
		if refused = last(ctx); refused != nil {
			return refused
		}
		if shard == "" {
			return execute(ctx, tx, []any{smallints(buckets)}, deleteFences)
		}
		return execute(ctx, tx, []any{smallints(buckets), shard}, insertFences)
	})
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return fmt.Errorf("fencing buckets: %w", classify(err))
	}
	return nil
}

// Fences implements [store.Maintainer].
func (s *Store) Fences(ctx context.Context) (map[int]string, error) {
	moves := map[int]string{}
	var bucket int
	var shard string
	// ForEachRow returns the error of Query as well.
	rows, _ := s.primary().Query(ctx, selectFences)
	if _, err := pgx.ForEachRow(rows, []any{&bucket, &shard}, func() error { moves[bucket] = shard; return nil }); err != nil {
		return nil, fmt.Errorf("reading fences: %w", classify(err))
	}
	return moves, nil
}

// DropFenced implements [store.Maintainer]. Buckets that are not fenced are an error.
func (s *Store) DropFenced(ctx context.Context, buckets []int) error {
	moves, err := s.Fences(ctx)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if moves[b] == "" {
			return fmt.Errorf("dropping bucket %d: %w", b, errNotFenced)
		}
	}
	days, err := partitions(ctx, s.primary())
	if err != nil {
		return fmt.Errorf("dropping buckets: %w", classify(err))
	}
	for _, day := range days {
		if _, err := s.removeAll(ctx, day, removal{where: "bucket = any ($2)", arg: smallints(buckets)}); err != nil {
			return fmt.Errorf("dropping buckets: %w", classify(err))
		}
	}
	return nil
}
