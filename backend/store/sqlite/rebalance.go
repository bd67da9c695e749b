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

	// What was recorded of late is little, whatever the log has.
	selectLateBuckets = `select ` + logColumns + `, e.data from events e indexed by events_recorded
where (e.event_time, e.id) > ($1, $2) and e.bucket in (select value from json_each($3)) and e.recorded_at >= $5
order by e.event_time, e.id limit $4`

	insertMove = `insert into moved_buckets (bucket, shard) values ($1, $2)
on conflict (bucket) do update set shard = excluded.shard`
	deleteMove = `delete from moved_buckets where bucket = $1`
)

// errNotMoved keeps what is only here from being dropped.
var errNotMoved = errors.New("bucket was not handed over")

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

// list is how a statement takes any number of numbers.
func list(buckets []int) string {
	text, _ := json.Marshal(append([]int{}, buckets...)) // Numbers can be encoded.
	return string(text)
}

// Fence implements [store.Maintainer]. Nothing at all is recorded while last runs, which must
// not write to this store.
func (s *Store) Fence(ctx context.Context, buckets []int, shard string, last func(context.Context) error) error {
	var refused error
	err := s.write(ctx, func(t *transaction) error {
		if last != nil {
			if refused = last(ctx); refused != nil {
				return refused
			}
		}
		for _, b := range buckets {
			query, args := insertMove, []any{b, shard}
			if shard == "" {
				query, args = deleteMove, args[:1]
			}
			if _, err := t.exec(ctx, query, args...); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case refused != nil:
		return fmt.Errorf("handing buckets over: %w", refused)
	case err != nil:
		return fmt.Errorf("handing buckets over: %w", classify(err))
	}
	return nil
}

// Fences implements [store.Maintainer].
func (s *Store) Fences(ctx context.Context) (map[int]string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	moves, err := readMoves(ctx, s.reader)
	if err != nil {
		return nil, fmt.Errorf("reading where buckets are: %w", classify(err))
	}
	return moves, nil
}

func readMoves(ctx context.Context, db sqldb.Querier) (map[int]string, error) {
	moves := map[int]string{}
	_, err := sqldb.Query(ctx, db, func(row *sql.Rows) (none struct{}, err error) {
		var bucket int
		var shard string
		err = row.Scan(&bucket, &shard)
		moves[bucket] = shard
		return none, err
	}, selectMoves)
	return moves, err
}

// DropFenced implements [store.Maintainer]. It fails when one of the buckets is not marked as
// moved.
func (s *Store) DropFenced(ctx context.Context, buckets []int) error {
	at, id := int64(math.MinInt64), ""
	err := inSteps(ctx, func() (last bool, err error) {
		// The search may be long, so it is not part of a transaction that holds up others.
		rows, err := sqldb.Query(ctx, s.reader, scanPlain, selectBucketRows, at, id, list(buckets), removeRows)
		if err != nil || len(rows) == 0 {
			return true, err
		}
		at, id = rows[len(rows)-1].EventTime.UnixMicro(), rows[len(rows)-1].ID
		return false, s.step(ctx, func(ctx context.Context, t *transaction) error {
			if err := t.requireMoved(ctx, buckets); err != nil {
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

func (t *transaction) requireMoved(ctx context.Context, buckets []int) error {
	moved, err := readMoves(ctx, t)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if _, ok := moved[b]; !ok {
			return fmt.Errorf("%w: %d", errNotMoved, b)
		}
	}
	return nil
}
