package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
	"github.com/botgate/botgate/internal/event"
)

// maxChunk bounds the bodies sent in one statement, in bytes: PostgreSQL takes no
// message over 1 GB, and several copies of it are in memory at once. One body may be
// larger.
const maxChunk = 16 << 20

const (
	// Arrays carry any number of rows in one statement whose text never changes.
	insertEvents = `
insert into events (id, bot, type, subject, order_key, verified_by, trace_parent, content_type, time, recorded_at, ref, data)
select id, bot, type, subject, order_key, verified_by, trace_parent, content_type, time, $12, nullif(ref, ''), data
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
	$9::timestamptz[], $10::text[], $11::bytea[])
	as e (id, bot, type, subject, order_key, verified_by, trace_parent, content_type, time, ref, data)
on conflict (id) do nothing
returning id`

	upsertStatus = `
insert into event_status as s (event_id, bot, subject, type, time, status, attempts, updated_at, replays)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::smallint[],
	$7::integer[], $8::timestamptz[], $9::integer[])` + statement.MergeStatus
)

// Append implements [store.Store].
func (s *Store) Append(ctx context.Context, events []*event.Event) ([]store.Entry, error) {
	entries, err := store.Entries(events)
	if err != nil {
		return nil, fmt.Errorf("appending events: %w", err)
	}
	if len(entries) == 0 {
		return nil, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var recorded []store.Entry
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if recorded, err = insertLog(ctx, tx, entries); err != nil {
			return err
		}
		return updateStatus(ctx, tx, store.Project(recorded))
	})
	if err != nil {
		return nil, fmt.Errorf("appending events: %w", classify(err))
	}
	return recorded, nil
}

// insertLog returns the entries that were not in the log before.
func insertLog(ctx context.Context, tx pgx.Tx, entries []store.Entry) ([]store.Entry, error) {
	now := store.Micros(time.Now())
	fresh := make(map[string]bool, len(entries))
	for rest := entries; len(rest) > 0; {
		n := chunk(rest)
		// ForEachRow returns the error of Query as well.
		rows, _ := tx.Query(ctx, insertEvents, eventArrays(rest[:n], now)...)
		var id string
		if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { fresh[id] = true; return nil }); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	recorded := make([]store.Entry, 0, len(fresh))
	for _, e := range entries {
		if fresh[e.ID] {
			recorded = append(recorded, e)
		}
	}
	return recorded, nil
}

// chunk is how many of the entries go into one statement: at least one.
func chunk(entries []store.Entry) int {
	size := 0
	for i, e := range entries {
		if size += len(e.Data); size > maxChunk && i > 0 {
			return i
		}
	}
	return len(entries)
}

func eventArrays(entries []store.Entry, now time.Time) []any {
	const texts = 9
	columns := make([][]string, texts)
	for i := range columns {
		columns[i] = make([]string, len(entries))
	}
	times := make([]time.Time, len(entries))
	bodies := make([][]byte, len(entries))
	for row, e := range entries {
		for i, v := range [texts]string{e.ID, e.Bot, e.Type, e.Subject, e.OrderKey, e.VerifiedBy, e.TraceParent, e.ContentType, e.Ref} {
			columns[i][row] = v
		}
		times[row] = store.Micros(e.Time)
		bodies[row] = e.Data
		if e.Data == nil {
			bodies[row] = []byte{} // nil would be null
		}
	}
	args := make([]any, 0, texts+3)
	for _, column := range columns[:texts-1] {
		args = append(args, column)
	}
	return append(args, times, columns[texts-1], bodies, now)
}

func updateStatus(ctx context.Context, tx pgx.Tx, projections []store.Projection) error {
	if len(projections) == 0 {
		return nil
	}
	n := len(projections)
	ids, statuses := make([]string, n), make([]int16, n)
	attempts, replays := make([]int32, n), make([]int32, n)
	bots, subjects, types := make([]*string, n), make([]*string, n), make([]*string, n)
	times, updates := make([]*time.Time, n), make([]time.Time, n)
	for i, p := range projections {
		ids[i] = p.EventID
		statuses[i] = int16(store.Code(p.State.Status))
		attempts[i] = int32(p.State.Attempts)
		replays[i] = int32(p.State.Replays)
		updates[i] = p.State.UpdatedAt
		if e := p.Event; e != nil {
			at := store.Micros(e.Time)
			bots[i], subjects[i], types[i], times[i] = &e.Bot, &e.Subject, &e.Type, &at
		}
	}
	_, err := tx.Exec(ctx, upsertStatus, ids, bots, subjects, types, times, statuses, attempts, updates, replays)
	return err
}
