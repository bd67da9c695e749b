package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

const (
	// maxChunk bounds the bodies sent in one statement, in bytes: PostgreSQL takes no
	// message over 1 GB, and several copies of it are in memory at once. One body may be
	// larger.
	maxChunk = 16 << 20
	// maxTries is how often a batch is sent that the database refuses for something that
	// can be seen to.
	maxTries = 6
)

// Append implements [store.Store]. It is one round trip, which the server runs as one
// transaction.
func (s *Store) Append(ctx context.Context, events []*event.Event) ([]store.Entry, error) {
	entries, err := store.Entries(events)
	if err != nil {
		return nil, fmt.Errorf("appending events: %w", err)
	}
	if len(entries) == 0 {
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
	// buckets are those that must not have moved.
	buckets []int16
	// days are the numbers of those that may be added to, beside those of the rows.
	days []int32
}

// lockedDays are the numbers of the days, in the order in which they are locked.
func (b *batch) lockedDays() []int32 {
	days := append(dayNumbers(b.rows), b.days...)
	slices.Sort(days)
	return slices.Compact(days)
}

// record adds a batch to the log, and sees to what it needs, as a partition for a day,
// once the database misses it.
func (s *Store) record(ctx context.Context, b *batch) ([]store.Entry, error) {
	for try := 1; len(b.rows) > 0; try++ {
		recorded, err := s.send(ctx, b)
		if err == nil {
			return recorded, nil
		}
		switch code := codeOf(err); {
		case code == codeMoved:
			return nil, fmt.Errorf("%w: %w", store.ErrFenced, err)
		case try == maxTries:
		case noPartition(err):
			err = s.prepareDays(ctx, daysOf(b.rows))
		case code == codeErased:
			b.rows, err = s.withoutErased(ctx, b.rows)
		case code == codeDayInUse:
			b.days, err = s.claimedDays(ctx, b.rows)
		}
		if err != nil {
			return nil, classify(err)
		}
	}
	return nil, nil
}

// claimedDays are the days of the events that are there already.
func (s *Store) claimedDays(ctx context.Context, rows []store.Entry) ([]int32, error) {
	ids := make([]string, len(rows))
	for i, e := range rows {
		ids[i] = e.About()
	}
	found, _ := s.primary().Query(ctx, selectClaimedDays, ids)
	return pgx.CollectRows(found, pgx.RowTo[int32]) // Returns the error of Query as well.
}

// send is one try of record. A batch without bodies that have to be parted is a
// transaction by itself.
func (s *Store) send(ctx context.Context, b *batch) ([]store.Entry, error) {
	slot := s.slots.take()
	defer s.slots.free(slot)
	first, times := &pgx.Batch{}, make(map[string]time.Time, len(b.rows))
	first.Queue(enterLog, enterArrays(b)...)
	first.Queue(claim, claimArrays(b)...)
	var err error
	if chunk(b.rows) == len(b.rows) {
		queueLog(first, b.rows, slot, times)
		queueMend(first, b.rows)
		err = s.primary().SendBatch(ctx, first).Close()
	} else {
		err = pgx.BeginFunc(ctx, s.primary(), func(tx pgx.Tx) error { return sendChunks(ctx, tx, first, b.rows, slot, times) })
	}
	if err != nil {
		return nil, err
	}
	return newlyRecorded(b.rows, times), nil
}

// sendChunks sends rows whose bodies are too large for one message. They go by user, so
// that counters are locked in the order in which other transactions lock them.
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
	last := &pgx.Batch{}
	if queueMend(last, rows); last.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, last).Close()
}

// queueMend has the statuses of replayed events looked at again.
func queueMend(b *pgx.Batch, rows []store.Entry) {
	var ids []string
	for _, e := range rows {
		if e.State.Status == event.StatusReplayed {
			ids = append(ids, e.Ref)
		}
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		b.Queue(mend, slices.Compact(ids))
	}
}

// chunk is how many of the rows go into one statement: at least one.
func chunk(rows []store.Entry) int {
	size := 0
	for i, e := range rows {
		if size += len(e.Data); size > maxChunk && i > 0 {
			return i
		}
	}
	return len(rows)
}

// queueLog notes the event's time of each entry that is new to the log.
func queueLog(b *pgx.Batch, rows []store.Entry, slot int32, times map[string]time.Time) {
	b.Queue(insertLog, logArrays(rows, slot)...).Query(func(rows pgx.Rows) error {
		var id string
		var at time.Time
		_, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error { times[id] = at.UTC(); return nil })
		return err
	})
}

// newlyRecorded are the entries that are new to the log, with the time that was claimed first.
func newlyRecorded(rows []store.Entry, times map[string]time.Time) []store.Entry {
	entries := make([]store.Entry, 0, len(times))
	for _, e := range rows {
		at, fresh := times[e.ID]
		if !fresh {
			continue
		}
		if e.EventTime = at; e.Ref == "" && !e.Time.Equal(at) {
			accepted := *e.Event
			accepted.Time = at
			e.Event, e.State.UpdatedAt = &accepted, at
		}
		entries = append(entries, e)
	}
	return entries
}
