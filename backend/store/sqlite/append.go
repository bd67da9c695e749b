package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/internal/sqltrace"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	selectAnyErased = `select exists (select 1 from erasures)` // Most stores have none.
	selectErased    = `select before from erasures where subject_hash = $1`

	// The first entry of an event decides on its time.
	claimEvent = `
insert into event_status (event_id, event_time, bot, status, attempts, replays, updated_at) values ($1, $2, $3, $4, 0, 0, $2)
on conflict (event_id) do nothing`
	selectEventTime = `select event_time from event_status where event_id = $1`

	insertLog = `
insert into events (event_time, id, ref, bucket, bot, type, status, attempt, replays, took_ms, subject, order_key,
	verified_by, trace_parent, request_id, content_type, headers, not_before, time, recorded_at, data)
values ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
on conflict (event_time, id) do nothing`
)

// claimEarlier is for changes that came first. Their status is newer than that of the event itself,
// but for repeats and progress.
var claimEarlier = sqlstore.Codes(`update event_status set bot = $2, status = iif(status <= {repeated}, $3, status),
	updated_at = iif(status <= {repeated}, event_time, updated_at) where event_id = $1 and bot is null`)

// appendStatements are kept prepared.
var appendStatements = []string{
	sqlstore.SelectFences, selectAnyErased, claimEvent, selectEventTime, insertLog, mergeStatus, addUserCounts, addBotCounts,
}

// Append implements [store.Store].
func (s *Store) Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	if entries = store.Distinct(entries); len(entries) == 0 {
		return nil, nil
	}
	var recorded []store.Entry
	ctx, span := sqltrace.Start(ctx, sqltrace.SQLite, insertLog, len(entries)) // One for all of its short statements.
	err := s.step(ctx, func(ctx context.Context, t *transaction) (err error) {
		now := store.Micros(time.Now()) // With the lock held, so that the log grows at its end.
		for i := range entries {
			entries[i].RecordedAt = now
		}
		if err := t.checkFences(context.WithoutCancel(ctx), entries); err != nil {
			return err
		}
		recorded, err = t.record(ctx, entries)
		return err
	})
	sqltrace.End(span, err)
	if err != nil {
		return nil, fmt.Errorf("appending events: %w", classify(err))
	}
	return recorded, nil
}

// Import implements [store.Maintainer]. It ignores fences: the buckets may be on their way back.
func (s *Store) Import(ctx context.Context, entries []store.Entry) error {
	err := s.step(ctx, func(ctx context.Context, t *transaction) error {
		_, err := t.record(ctx, entries)
		return err
	})
	if err != nil {
		return fmt.Errorf("importing events: %w", classify(err))
	}
	return nil
}

// record adds entries to the log and the read models, and returns those that are new, with the
// time that their event has in the log.
func (t *transaction) record(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	// The driver starts a goroutine for each statement that can be canceled. These are short, and
	// the transaction ends with the context anyway.
	ctx = context.WithoutCancel(ctx)
	var anyErased bool
	if err := t.row(ctx, selectAnyErased, nil, &anyErased); err != nil {
		return nil, err
	}
	if anyErased {
		var err error
		if entries, err = t.withoutErased(ctx, entries); err != nil {
			return nil, err
		}
	}
	times, err := t.eventTimes(ctx, entries)
	if err != nil {
		return nil, err
	}
	recorded := make([]store.Entry, 0, len(entries))
	for _, e := range entries {
		e = e.At(fromMicros(times[e.About()]))
		fresh, err := t.exec(ctx, insertLog, logRow(e)...)
		if err != nil {
			return nil, err
		}
		if fresh == 1 {
			recorded = append(recorded, e)
		}
	}
	return recorded, t.project(ctx, recorded)
}

// checkFences fails when the bucket of an entry is fenced.
func (t *transaction) checkFences(ctx context.Context, entries []store.Entry) error {
	moved, err := sqlstore.ReadFences(ctx, query(t, t.slow))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if shard, ok := moved[e.Bucket]; ok {
			return fmt.Errorf("%w: bucket %d is in %s", store.ErrFenced, e.Bucket, shard)
		}
	}
	return nil
}

// withoutErased leaves out events of erased users that arrive late.
func (t *transaction) withoutErased(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	before := map[string]int64{}
	for _, e := range entries {
		if _, known := before[e.Subject]; known || e.Subject == "" {
			continue
		}
		at := int64(math.MinInt64)
		if err := t.row(ctx, selectErased, []any{store.HashSubject(e.Subject)}, &at); err != nil {
			return nil, err
		}
		before[e.Subject] = at
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e store.Entry) bool {
		return e.Subject != "" && e.AcceptedAt().UnixMicro() < before[e.Subject]
	}), nil
}

// eventTimes returns the times that the events of the entries have in the log, by id. It inserts
// the status of events that are new.
func (t *transaction) eventTimes(ctx context.Context, entries []store.Entry) (map[string]int64, error) {
	times := make(map[string]int64, len(entries))
	for _, e := range entries {
		about := e.About()
		at, known := times[about]
		if known && e.Ref != "" {
			continue
		}
		if !known {
			at = e.EventTime.UnixMicro()
		}
		var err error
		if e.Ref == "" {
			times[about], err = t.claim(ctx, e, at)
		} else {
			err = t.row(ctx, selectEventTime, []any{about}, &at)
			times[about] = at
		}
		if err != nil {
			return nil, err
		}
	}
	return times, nil
}

// claim inserts the status of an event, and returns the time that it has in the log.
func (t *transaction) claim(ctx context.Context, e store.Entry, at int64) (int64, error) {
	fresh, err := t.exec(ctx, claimEvent, e.ID, at, e.Bot, store.Code(e.State.Status))
	if err != nil || fresh == 1 {
		return at, err
	}
	if _, err := t.exec(ctx, claimEarlier, e.ID, e.Bot, store.Code(e.State.Status)); err != nil {
		return 0, err
	}
	err = t.row(ctx, selectEventTime, []any{e.ID}, &at)
	return at, err
}

func logRow(e store.Entry) []any {
	data := e.Data
	if data == nil {
		data = []byte{} // nil would be null
	}
	var notBefore any
	if !e.NotBefore.IsZero() {
		notBefore = e.NotBefore.UnixMicro()
	}
	return []any{
		e.EventTime.UnixMicro(), e.ID, e.Ref, e.Bucket, e.Bot, e.EventType, store.Code(e.State.Status),
		e.State.Attempts, e.State.Replays, e.Took.Milliseconds(), e.Subject, e.OrderKey, e.VerifiedBy, e.TraceParent,
		e.RequestID, e.ContentType, string(e.Headers), notBefore, e.Time.UnixMicro(), e.RecordedAt.UnixMicro(), data,
	}
}
