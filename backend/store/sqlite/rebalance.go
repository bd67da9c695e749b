package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
	"github.com/botgate/botgate/internal/filelock"
)

const (
	selectBuckets    = `select ` + sqlstore.LogColumns + `, e.data` + fromBuckets
	selectBucketRows = `select ` + sqlstore.LogColumns + fromBuckets
	fromBuckets      = ` from events e indexed by events_key
where (e.event_time, e.id) > ($1, $2) and e.bucket in (select value from json_each($3))
order by e.event_time, e.id limit $4`

	// What was recorded lately is little, however large the log is.
	selectLateBuckets = `select ` + sqlstore.LogColumns + `, e.data from events e indexed by events_recorded
where (e.event_time, e.id) > ($1, $2) and e.bucket in (select value from json_each($3)) and e.recorded_at >= $5
order by e.event_time, e.id limit $4`
)

// ReadBuckets implements [store.Maintainer].
func (s *Store) ReadBuckets(ctx context.Context, buckets []int, after store.Position, since time.Time, limit int) ([]store.Entry, error) {
	text, args := selectBuckets, []any{after.Time, after.ID, list(buckets), limit}
	if !since.IsZero() {
		text, args = selectLateBuckets, append(args, since)
	}
	entries, err := sqlstore.All(ctx, query(s.reader, s.slow), sqlstore.ScanWithBody, text, args...)
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

// DropFenced implements [store.Maintainer]. Buckets that are not fenced are an error.
func (s *Store) DropFenced(ctx context.Context, buckets []int) error {
	at, id := int64(math.MinInt64), ""
	err := inSteps(ctx, func() (last bool, err error) {
		// The search may take long, so it is not part of the write transaction.
		rows, err := sqlstore.All(ctx, query(s.reader, s.slow), sqlstore.ScanEntry, selectBucketRows, at, id, list(buckets), removeRows)
		if err != nil || len(rows) == 0 {
			return true, err
		}
		at, id = rows[len(rows)-1].EventTime.UnixMicro(), rows[len(rows)-1].ID
		return false, s.step(ctx, func(ctx context.Context, t *transaction) error {
			fences, err := sqlstore.ReadFences(ctx, query(t, t.slow))
			if err == nil {
				err = sqlstore.CheckFenced(fences, buckets)
			}
			if err != nil {
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

// LockMoves implements [store.Maintainer], by a lock file beside the database.
func (s *Store) LockMoves(ctx context.Context) (store.MoveLock, error) {
	file, err := filelock.Lock(ctx, s.path+".move")
	switch {
	case errors.Is(err, filelock.ErrHeld):
		return nil, store.ErrMoveInProgress
	case err != nil:
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return moveLock{file}, nil
}

type moveLock struct{ file *filelock.Held }

// Held implements [store.MoveLock]: a file lock is not lost while the process lives.
func (moveLock) Held(context.Context) error { return nil }

// Unlock implements [store.MoveLock].
func (l moveLock) Unlock() error { return l.file.Close() }
