package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// The statements of [Base] about fences and erasures, which the plans' tests need as well.
const (
	selectErasures = `select subject_hash, before from erasures where subject_hash > $1 order by subject_hash limit $2`
	InsertErasure  = `insert into erasures as e (subject_hash, before) values ($1, $2)
on conflict (subject_hash) do update set before = excluded.before where e.before < excluded.before`

	SelectFences = `select bucket, shard from moved_buckets`
	InsertFence  = `insert into moved_buckets (bucket, shard) values ($1, $2)
on conflict (bucket) do update set shard = excluded.shard`
	DeleteFence = `delete from moved_buckets where bucket = $1`
)

// ErrNotFenced prevents dropping the only copy.
var ErrNotFenced = errors.New("bucket is not fenced")

// Erasures implements [store.Maintainer].
func (b *Base) Erasures(ctx context.Context, after []byte, limit int) ([]store.Erasure, error) {
	all, err := read(store.Fresh(ctx), b, ScanErasure, selectErasures, append([]byte{}, after...), limit)
	if err != nil {
		return nil, fmt.Errorf("reading erasures: %w", b.Classify(err))
	}
	return all, nil
}

// ScanErasure reads the hash and the time.
func ScanErasure(row Row) (e store.Erasure, err error) {
	err = row.Scan(&e.Hash, UTC(&e.Before))
	return e, err
}

// ImportErasures implements [store.Maintainer].
func (b *Base) ImportErasures(ctx context.Context, erasures []store.Erasure) error {
	rows := make([][]any, len(erasures))
	for i, e := range erasures {
		rows[i] = []any{e.Hash, store.Micros(e.Before)}
	}
	if err := b.Exclusively(ctx, nil, InsertErasure, rows...); err != nil {
		return fmt.Errorf("importing erasures: %w", b.Classify(err))
	}
	return nil
}

// Fence implements [store.Maintainer].
func (b *Base) Fence(ctx context.Context, buckets []int, shard string, last func(context.Context) error) error {
	statement, rows := InsertFence, make([][]any, len(buckets))
	for i, bucket := range buckets {
		rows[i] = []any{bucket, shard}
		if shard == "" {
			statement, rows[i] = DeleteFence, rows[i][:1]
		}
	}
	var refused error
	err := b.Exclusively(ctx, func(ctx context.Context) error {
		refused = last(ctx)
		return refused
	}, statement, rows...)
	switch {
	case refused != nil:
		return fmt.Errorf("fencing buckets: %w", refused)
	case err != nil:
		return fmt.Errorf("fencing buckets: %w", b.Classify(err))
	}
	return nil
}

// Fences implements [store.Maintainer].
func (b *Base) Fences(ctx context.Context) (map[int]string, error) {
	var fences map[int]string
	err := b.Read(store.Fresh(ctx), func(ctx context.Context, db Query) (err error) {
		fences, err = ReadFences(ctx, db)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading fences: %w", b.Classify(err))
	}
	return fences, nil
}

// ReadFences returns the fenced buckets and the shard that has each now.
func ReadFences(ctx context.Context, db Query) (map[int]string, error) {
	fences := map[int]string{}
	_, err := All(ctx, db, func(row Row) (none struct{}, err error) {
		var bucket int
		var shard string
		err = row.Scan(&bucket, &shard)
		fences[bucket] = shard
		return none, err
	}, SelectFences)
	return fences, err
}

// CheckFenced returns [ErrNotFenced] unless all of the buckets are.
func CheckFenced(fences map[int]string, buckets []int) error {
	for _, b := range buckets {
		if fences[b] == "" {
			return fmt.Errorf("%w: %d", ErrNotFenced, b)
		}
	}
	return nil
}

// RetainDays drops those of the days, oldest first, that ended before a time.
func RetainDays(ctx context.Context, classify func(error) error, days []time.Time, before time.Time,
	drop func(context.Context, time.Time) error,
) (done []time.Time, err error) {
	for _, day := range days {
		if NextDay(day).After(before) {
			break
		}
		if err := drop(ctx, day); err != nil {
			return done, fmt.Errorf("dropping %s: %w", day.Format(time.DateOnly), classify(err))
		}
		done = append(done, day)
	}
	return done, nil
}

// NextDay is the day after one.
func NextDay(day time.Time) time.Time { return day.Add(24 * time.Hour) }
