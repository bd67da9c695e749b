package postgres_test

import (
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestUpgradeKeepsWhatWasRecorded(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	old := []*event.Event{
		at("018f3b8e-7c5a-7def-8123-456789abcdef", "alice", noon), at("6d698562-2436-85be-aed6-8dc36645a007", "bob", noon.Add(13*time.Hour)),
		at("an id of a test", "alice", noon.Add(50*time.Hour)), at("ü", "", noon),
	}
	unknown := at("unknown", "carol", noon.Add(24*time.Hour))
	entries := []*event.Event{
		old[0], change(t, old[0], event.StatusFailed, 1), change(t, old[0], event.StatusDelivered, 2),
		old[1], change(t, old[1], event.StatusDead, 50_000), change(t, old[1], event.StatusDead, 3),
		old[2], change(t, old[2], event.StatusExpired, 0), old[3],
		change(t, unknown, event.StatusFailed, 1), change(t, unknown, event.StatusFailed, 90_000),
	}
	recordAsBefore(t, url, entries)
	s := migrated(t, url)

	want := map[string]int{old[0].ID: 2, old[1].ID: 2, old[2].ID: 1, old[3].ID: 0}
	for _, e := range old {
		r, err := s.Get(t.Context(), e.ID)
		require.NoError(t, err)
		require.Equal(t, e, r.Event)
		require.Len(t, r.Attempts, want[e.ID])
		require.Equal(t, noon.Add(time.Minute), r.RecordedAt)
	}
	require.Equal(t, []string{old[2].ID, old[1].ID, old[3].ID, old[0].ID}, listed(t, s, store.Query{}))
	require.Equal(t, []string{old[1].ID}, listed(t, s, store.Query{Status: event.StatusDead}))
	log, err := s.Log(t.Context(), store.LogQuery{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, log, len(entries))
	for _, e := range log {
		require.Equal(t, event.BucketOfID(e.About()), e.Bucket, e.About())
		require.Equal(t, "command", e.EventType)
	}
	requireRebuilt(t, s, url)
	newly, err := s.Append(t.Context(), append(entries, unknown))
	require.NoError(t, err)
	require.Len(t, newly, 1)
	r, err := s.Get(t.Context(), unknown.ID)
	require.NoError(t, err)
	require.Len(t, r.Attempts, 2)
}

// recordAsBefore makes a database as version 0002 had it.
func recordAsBefore(t *testing.T, url string, events []*event.Event) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	do := func(sql string, args ...any) {
		_, err := conn.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	do("create table schema_migrations (version integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())")
	all, err := migration.Load("schema", os.DirFS(".")).PostgresPending(t.Context(), conn)
	require.NoError(t, err)
	for _, m := range all[:2] {
		do(m.SQL)
		do("insert into schema_migrations (version, name, checksum) values ($1, $2, $3)", m.Version, m.Name, m.Checksum)
	}
	entries, err := store.Entries(events)
	require.NoError(t, err)
	for _, e := range entries {
		do("insert into events values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''), $12)",
			e.ID, e.Bot, e.Type, e.Subject, e.OrderKey, e.VerifiedBy, e.TraceParent, e.ContentType, e.Time, noon.Add(time.Minute), e.Ref, e.Data)
	}
	for _, p := range store.Project(entries) {
		var bot, kind, subject *string
		var when *time.Time
		if p.Event != nil {
			bot, kind, subject, when = &p.Event.Bot, &p.Event.Type, &p.Event.Subject, &p.Event.Time
		}
		do("insert into event_status values ($1, $2, $3, $4, $5, $6, $7, $8, $9)", p.EventID, bot, kind, subject, when,
			store.Code(p.State.Status), p.State.Attempts, p.State.UpdatedAt, p.State.Replays)
	}
}
