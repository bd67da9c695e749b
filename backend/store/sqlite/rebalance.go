package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
)

const (
	selectBuckets    = `select ` + logColumns + `, e.data` + fromBuckets
	selectBucketRows = `select ` + logColumns + fromBuckets
	fromBuckets      = ` from events e indexed by events_key
where (e.event_time, e.id) > ($1, $2) and e.bucket in (select value from json_each($3))
order by e.event_time, e.id limit $4`

	// What was recorded lately is little, however large the log is.
	selectLateBuckets = `select ` + logColumns + `, e.data from events e indexed by events_recorded
where (e.event_time, e.id) > ($1, $2) and e.bucket in (select value from json_each($3)) and e.recorded_at >= $5
order by e.event_time, e.id limit $4`

	insertFence = `insert into moved_buckets (bucket, shard) values ($1, $2)
on conflict (bucket) do update set shard = excluded.shard`
	deleteFence = `delete from moved_buckets where bucket = $1`
)

// errNotFenced prevents dropping the only copy.
var errNotFenced = errors.New("bucket is not fenced")

// ReadBuckets implements [store.Maintainer].
func (s *Store) ReadBuckets(ctx context.Context, buckets []int, after store.BucketPosition, since time.Time, limit int) ([]store.Entry, error) {
	query, args := selectBuckets, []any{micros(after.EventTime), after.ID, list(buckets), limit}
	if !since.IsZero() {
		query, args = selectLateBuckets, append(args, micros(since))
	}
	entries, err := sqldb.Query(ctx, s.reader, scanWithBody, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading buckets: %w", classify(err))
	}
	return entries, nil
}

// list encodes numbers for json_each, so that a statement takes any number of them.
func list(buckets []int) string {
	text, _ := json.Marshal(append([]int{}, buckets...)) // Numbers can be encoded.
	return string(text)
}

// Fence implements [store.Maintainer]. It holds the write lock while last runs, which must not
// write to this store.
func (s *Store) Fence(ctx context.Context, buckets []int, shard string, last func(context.Context) error) error {
	var refused error
	err := s.write(ctx, func(t *transaction) error {
		if last != nil {
			if refused = last(ctx); refused != nil {
				return refused
			}
		}
		for _, b := range buckets {
			query, args := insertFence, []any{b, shard}
			if shard == "" {
				query, args = deleteFence, args[:1]
			}
			if _, err := t.exec(ctx, query, args...); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case refused != nil:
		return fmt.Errorf("fencing buckets: %w", refused)
	case err != nil:
		return fmt.Errorf("fencing buckets: %w", classify(err))
	}
	return nil
}

// Fences implements [store.Maintainer].
func (s *Store) Fences(ctx context.Context) (map[int]string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	moves, err := readFences(ctx, s.reader)
	if err != nil {
		return nil, fmt.Errorf("reading fences: %w", classify(err))
	}
	return moves, nil
}

func readFences(ctx context.Context, db sqldb.Querier) (map[int]string, error) {
	moves := map[int]string{}
	_, err := sqldb.Query(ctx, db, func(row *sql.Rows) (none struct{}, err error) {
		var bucket int
		var shard string
		err = row.Scan(&bucket, &shard)
		moves[bucket] = shard
		return none, err
	}, selectFences)
	return moves, err
}

// DropFenced implements [store.Maintainer]. Buckets that are not fenced are an error.
func (s *Store) DropFenced(ctx context.Context, buckets []int) error {
	at, id := int64(math.MinInt64), ""
	err := inSteps(ctx, func() (last bool, err error) {
		// The search may take long, so it is not part of the write transaction.
		rows, err := sqldb.Query(ctx, s.reader, scanPlain, selectBucketRows, at, id, list(buckets), removeRows)
		if err != nil || len(rows) == 0 {
			return true, err
		}
		at, id = rows[len(rows)-1].EventTime.UnixMicro(), rows[len(rows)-1].ID
		return false, s.step(ctx, func(ctx context.Context, t *transaction) error {
			if err := t.requireFenced(ctx, buckets); err != nil {
				return err
			}
			return t.remove(ctx, rows)
		})
	})
	if err != nil {
		return fmt.Errorf("dropping buckets: %w", classify(err))
	}
	return nil
}

func (t *transaction) requireFenced(ctx context.Context, buckets []int) error {
	moved, err := readFences(ctx, t)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if _, ok := moved[b]; !ok {
			return fmt.Errorf("%w: %d", errNotFenced, b)
		}
	}
	return nil
}
