package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

// TestUpgrade has a file of schema version 2 brought up to date, and wants in it what the
// same events give when they are recorded anew.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	events := oldEvents(t)
	path := filepath.Join(t.TempDir(), "events.db")
	writeOld(t, path, events)

	upgraded, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, upgraded.Close()) }()
	fresh := openPlans(t)
	for _, e := range events {
		_, err := fresh.Append(t.Context(), []*event.Event{e})
		require.NoError(t, err)
	}
	for _, query := range []string{
		// Old changes do not say of which type their event is.
		`select event_time, id, ref, bucket, bot, iif(ref is null, type, ''), status, attempt, replays, took_ms, subject, order_key,
			verified_by, trace_parent, content_type, not_before, time, data from events order by event_time, id`,
		`select * from event_status order by 1`,
		`select * from user_counters order by 1, 2, 3`,
		`select * from bot_stats order by 1, 2, 3`,
	} {
		want := dump(t, fresh, query)
		require.NotEmpty(t, want)
		require.Equal(t, want, dump(t, upgraded, query))
	}
	entries, err := upgraded.Log(t.Context(), store.LogQuery{Limit: 100, Type: "command"})
	require.NoError(t, err)
	require.Len(t, entries, 8, "the changes of known events have their type now")
	for _, e := range entries {
		require.Equal(t, recordedAt(e.ID), e.RecordedAt)
	}
	require.NoError(t, storetest.Append(t.Context(), upgraded, events))
	require.Equal(t, dump(t, fresh, `select count(*) from events`), dump(t, upgraded, `select count(*) from events`))
}

// oldEvents are two events with changes, as version 2 wrote them, one with a foreign id and
// without a user, and a change whose event is missing.
func oldEvents(t *testing.T) []*event.Event {
	t.Helper()
	one, two, lost := storetest.Event(1), storetest.Event(2), storetest.Event(3)
	one.Type, two.Type = "command", "command"
	two.ID, two.Subject, two.Data = "foreign id", "", []byte("\x00\xff not JSON")
	two.Time = two.Time.Add(26 * time.Hour)
	all := []*event.Event{one, two}
	for i, about := range []*event.Event{one, one, one, one, two, two, lost, lost} {
		status := []event.Status{event.StatusFailed, event.StatusDead, event.StatusReplayed, event.StatusDelivered, event.StatusFailed, event.StatusFailed}[i%6]
		c := event.Change{Status: status, Attempt: i, Replays: i % 2, At: about.Time.Add(time.Duration(i) * time.Hour), DurationMS: int64(100 + i)}
		e, err := event.NewChange(about, c)
		require.NoError(t, err)
		e.ID, e.Data = fmt.Sprintf("change-%d", i), withoutEvent(t, e.Data)
		all = append(all, e)
	}
	return all
}

// withoutEvent is a change of a version that told nothing about the event but its id.
func withoutEvent(t *testing.T, data []byte) []byte {
	t.Helper()
	fields := map[string]any{}
	require.NoError(t, json.Unmarshal(data, &fields))
	delete(fields, "event_time")
	delete(fields, "event_type")
	data, err := json.Marshal(fields)
	require.NoError(t, err)
	return data
}

func recordedAt(id string) time.Time {
	return time.Date(2026, 4, 1, 0, 0, 0, len(id)*1000, time.UTC)
}

// writeOld makes a file of version 2.
func writeOld(t *testing.T, path string, events []*event.Event) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	require.NoError(t, err)
	two := fstest.MapFS{}
	for _, name := range []string{"migrations/0001_events.sql", "migrations/0002_replays.sql"} {
		data, err := files.ReadFile(name)
		require.NoError(t, err)
		two[name] = &fstest.MapFile{Data: data}
	}
	require.NoError(t, migration.Load("schema", two).SQLite(t.Context(), db))
	tx, err := db.Begin()
	require.NoError(t, err)
	entries, err := store.Entries(events)
	require.NoError(t, err)
	for _, e := range entries {
		_, err = tx.Exec(`insert into events (id, bot, type, subject, order_key, verified_by, trace_parent, content_type, time, recorded_at, ref, data)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''), $12)`, e.ID, e.Bot, e.Type, e.Subject, e.OrderKey, e.VerifiedBy,
			e.TraceParent, e.ContentType, e.Time.UnixMicro(), recordedAt(e.ID).UnixMicro(), e.Ref, e.Data)
		require.NoError(t, err)
	}
	for _, p := range store.Project(entries) {
		var bot, kind, subject, at any
		if p.Event != nil {
			bot, kind, subject, at = p.Event.Bot, p.Event.Type, p.Event.Subject, p.Event.Time.UnixMicro()
		}
		_, err = tx.Exec(`insert into event_status (event_id, bot, type, subject, time, status, attempts, updated_at, replays)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, p.EventID, bot, kind, subject, at,
			store.Code(p.State.Status), p.State.Attempts, p.State.UpdatedAt.UnixMicro(), p.State.Replays)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
	require.NoError(t, db.Close())
}

// dump returns the rows of a query as text.
func dump(t *testing.T, s *Store, query string) []string {
	t.Helper()
	rows, err := s.reader.QueryContext(t.Context(), query)
	require.NoError(t, err)
	columns, err := rows.Columns()
	require.NoError(t, err)
	all, err := collect(rows, func(row scanner) (string, error) {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		err := row.Scan(dest...)
		return fmt.Sprintf("%q", values), err
	})
	require.NoError(t, err)
	return all
}
