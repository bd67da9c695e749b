package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
)

const (
	// maxChunk bounds the bodies sent in one statement, in bytes: PostgreSQL takes no
	// message over 1 GB, and several copies of it are in memory at once. One body may be
	// larger.
	maxChunk = 16 << 20
	// maxTries bounds the attempts at a batch that the database refuses for a reason that can be
	// removed in between.
	maxTries = 6
)

// Append implements [store.Store], in one transaction. A large batch that is new is copied, see
// [Store.copyNew]; any other takes one round trip, and one more where a change is recorded already.
func (s *Store) Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	if entries = store.Distinct(entries); len(entries) == 0 {
		return nil, nil
	}
	now := store.Micros(time.Now())
	buckets := make([]int16, len(entries))
	for i := range entries {
		entries[i].RecordedAt, buckets[i] = now, int16(entries[i].Bucket)
	}
	slices.Sort(buckets)
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	recorded, err := s.record(ctx, &batch{rows: entries, buckets: slices.Compact(buckets)})
	if err != nil {
		return nil, fmt.Errorf("appending events: %w", err)
	}
	return recorded, nil
}

// batch is what one transaction adds to the log.
type batch struct {
	// rows are sorted by id.
	rows []store.Entry
	// buckets are those that must not be fenced.
	buckets []int16
	// days are the numbers of further days that may be written, beside those of the rows.
	days []int32
	// merged is set for what may be in the log already, as a whole or in part.
	merged bool
}

// lockedDays are the numbers of the days, in lock order.
func (b *batch) lockedDays() []int32 {
	days := append(dayNumbers(b.rows), b.days...)
	slices.Sort(days)
	return slices.Compact(days)
}

// record adds a batch to the log. What the batch turns out to need, such as the partition of a
// day, is made before the next attempt.
func (s *Store) record(ctx context.Context, b *batch) ([]store.Entry, error) {
	for try := 1; len(b.rows) > 0; try++ {
		recorded, err := s.send(ctx, b)
		if err == nil {
			return recorded, nil
		}
		switch code := codeOf(err); {
		case code == codeFenced:
			return nil, fmt.Errorf("%w: %w", store.ErrFenced, err)
		case errors.Is(err, errRecorded):
			b.merged, err = true, nil
		case try == maxTries:
		case noPartition(err):
			err = s.prepareDays(ctx, daysOf(b.rows))
		case code == codeErased:
			b.rows, err = s.withoutErased(ctx, b.rows)
		case code == codeDayInUse:
			b.days, err = s.knownDays(ctx, b.rows)
		}
		if err != nil {
			return nil, classify(err)
		}
	}
	return nil, nil
}

// knownDays returns the days of those events that are recorded already.
func (s *Store) knownDays(ctx context.Context, rows []store.Entry) ([]int32, error) {
	ids := make([]string, len(rows))
	for i, e := range rows {
		ids[i] = e.About()
	}
	found, _ := s.primary().Query(ctx, selectKnownDays, ids)
	return pgx.CollectRows(found, pgx.RowTo[int32]) // Returns the error of Query as well.
}

// send is one attempt of record.
func (s *Store) send(ctx context.Context, b *batch) ([]store.Entry, error) {
	slot := s.slots.take()
	defer s.slots.free(slot)
	if len(b.rows) >= s.copyFrom && !b.merged {
		return b.rows, s.copyNew(ctx, b, slot)
	}
	return s.merge(ctx, b, slot)
}

// merge adds what is new of a batch. Unless the bodies have to be split, that is an implicit
// transaction.
func (s *Store) merge(ctx context.Context, b *batch, slot int32) ([]store.Entry, error) {
	first, times := &pgx.Batch{}, make(map[string]time.Time, len(b.rows))
	first.Queue(enterLog, enterLogArrays(b)...)
	first.Queue(mergeStatus, append(statusArrays(store.Project(b.rows)), b.lockedDays())...)
	var err error
	if chunk(b.rows) == len(b.rows) {
		queueLog(first, b.rows, slot, times)
		err = s.primary().SendBatch(ctx, first).Close()
	} else {
		err = pgx.BeginFunc(ctx, s.primary(), func(tx pgx.Tx) error { return sendChunks(ctx, tx, first, b.rows, slot, times) })
	}
	if err == nil {
		err = s.restore(ctx, b.rows, times)
	}
	if err != nil {
		return nil, err
	}
	return newlyRecorded(b.rows, times), nil
}

// sendChunks sends rows whose bodies are too large for one message. They are sorted by user, so
// that the counters are locked in the order of other transactions.
func sendChunks(ctx context.Context, tx pgx.Tx, first *pgx.Batch, rows []store.Entry, slot int32, times map[string]time.Time) error {
	rest := slices.Clone(rows)
	slices.SortStableFunc(rest, func(a, b store.Entry) int { return strings.Compare(a.Subject, b.Subject) })
	for b := first; len(rest) > 0; b = new(pgx.Batch) {
		n := chunk(rest)
		queueLog(b, rest[:n], slot, times)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// restore corrects the status of events of which a change came that the log has already, under
// its id and possibly with another time: mergeStatus can't know.
func (s *Store) restore(ctx context.Context, rows []store.Entry, times map[string]time.Time) error {
	var ids []string
	for _, e := range rows {
		if _, fresh := times[e.ID]; !fresh && e.Ref != "" {
			ids = append(ids, e.Ref)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(lockStatus, ids)
	b.Queue(restoreStatus, ids)
	return s.primary().SendBatch(ctx, b).Close()
}

// chunk returns how many of the rows go into one statement: at least one.
func chunk(rows []store.Entry) int {
	size := 0
	for i, e := range rows {
		if size += len(e.Data); size > maxChunk && i > 0 {
			return i
		}
	}
	return len(rows)
}

// queueLog queues insertLog, which returns the event's time of each entry that is new to the log.
func queueLog(b *pgx.Batch, rows []store.Entry, slot int32, times map[string]time.Time) {
	b.Queue(insertLog, logArrays(rows, slot)...).Query(func(rows pgx.Rows) error {
		var id string
		var at time.Time
		_, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error { times[id] = at.UTC(); return nil })
		return err
	})
}

// newlyRecorded returns the entries that are new to the log, with the time that their event has
// there.
func newlyRecorded(rows []store.Entry, times map[string]time.Time) []store.Entry {
	entries := make([]store.Entry, 0, len(times))
	for _, e := range rows {
		if at, fresh := times[e.ID]; fresh {
			entries = append(entries, e.At(at))
		}
	}
	return entries
}
