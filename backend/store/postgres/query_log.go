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

const (
	// logColumns are what scanLog reads; bodies of events only when $1 asks for them.
	logColumns = `event_time, time, recorded_at, not_before, coalesce(attempt, 0), coalesce(replays, 0), coalesce(took_ms, 0), bucket, status,
	id, coalesce(ref, ''), bot, type, subject, order_key, verified_by, trace_parent, content_type, case when $1 or ref is not null then data end`

	inLogOrder = ` order by recorded_at, id limit `
)

// Log returns entries in the order of recording.
func (s *Store) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	if !(store.Query{Bot: q.Bot, Subject: q.Subject, Type: q.Type, After: store.Position{Time: q.After.RecordedAt, ID: q.After.ID}}).Possible() {
		return nil, nil
	}
	query, args := logQuery(q)
	entries, err := collect(ctx, s, scanLog, query, args)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", classify(err))
	}
	return entries, nil
}

// logQuery reads in the order of recording from the position on. The entries of a user
// are collected first: they are few, and may stand far apart.
func logQuery(q store.LogQuery) (string, []any) {
	f := &statement.Filter{Args: []any{q.Bodies}}
	if q.After != (store.LogPosition{}) {
		at := f.Arg(q.After.RecordedAt)
		f.And("recorded_at >= " + at)
		f.And("(recorded_at, id) > (" + at + ", " + f.Arg(q.After.ID) + ")")
	}
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	if q.Subject == "" {
		return "select " + logColumns + " from events" + f.Where() + inLogOrder + f.Arg(statement.LogSize(q.Limit)), f.Args
	}
	f.Equal("subject", q.Subject)
	f.And("subject <> ''") // As the index has it.
	return "with positions as materialized (select event_time, id, recorded_at from events" + f.Where() + ")" +
		" select " + logColumns + " from (select event_time as day, id as entry from positions" + inLogOrder + f.Arg(statement.LogSize(q.Limit)) + ") p" +
		" cross join lateral (select * from events where event_time = day and id = entry offset 0) e order by recorded_at, id", f.Args
}

// scanLog reads logColumns.
func scanLog(row pgx.CollectableRow) (store.Entry, error) {
	ev := &event.Event{}
	e := store.Entry{Event: ev}
	var notBefore *time.Time
	var tookMS int64
	var status int
	err := row.Scan(&e.EventTime, &ev.Time, &e.RecordedAt, &notBefore, &e.State.Attempts, &e.State.Replays, &tookMS, &e.Bucket, &status,
		&ev.ID, &e.Ref, &ev.Bot, &e.EventType, &ev.Subject, &ev.OrderKey, &ev.VerifiedBy, &ev.TraceParent, &ev.ContentType, &ev.Data)
	if err != nil {
		return e, err
	}
	e.EventTime, ev.Time, e.RecordedAt = e.EventTime.UTC(), ev.Time.UTC(), e.RecordedAt.UTC()
	if notBefore != nil {
		ev.NotBefore = notBefore.UTC()
	}
	e.Took = time.Duration(tookMS) * time.Millisecond
	e.State.Status, e.State.UpdatedAt = store.StatusOf(status), ev.Time
	if ev.Type = e.EventType; e.Ref != "" {
		ev.Type = event.ChangeType(e.State.Status)
	}
	return e, nil
}
