package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestPlans asks the planner about every query on a log that is large enough for it to
// prefer indexes: none may read a table from end to end.
func TestPlans(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{URL: testsvc.Postgres(t)})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Migrate(t.Context()))
	fill(t, s)

	require.Contains(t, plan(t, s, "select count(*) from events"), "Scan", "the plan can be read")
	get := plan(t, s, selectEvent, storetest.Event(77).ID, store.MaxAttempts)
	require.NotContains(t, get, "Seq Scan")
	for _, q := range []store.Query{
		{},
		{Bot: "rare"},
		{Subject: "user-7"},
		{Type: "rare"},
		{Status: event.StatusDead},
		{Status: event.StatusAccepted},
		{Bot: "rare", Status: event.StatusDead},
		{Bot: "echo", Subject: "user-7", Type: "github.push", Status: event.StatusAccepted},
	} {
		for _, after := range []store.Position{{}, {Time: storetest.Event(9000).Time, ID: storetest.Event(9000).ID}} {
			q.Limit, q.After = 50, after
			sql, args := statement.List(q, after.Time)
			got := plan(t, s, sql, args...)
			require.NotContains(t, got, "Seq Scan", "%+v\n%s", q, got)
		}
	}
}

// fill records 20 000 events, one in a hundred of a rare kind, one in fifty dead.
func fill(t *testing.T, s *Store) {
	t.Helper()
	events := storetest.Events(20_000)
	for i, e := range events {
		e.Subject = "user-" + string(rune('0'+i%10)) + strings.Repeat("x", i%100)
		if i%100 == 0 {
			e.Bot, e.Type = "rare", "rare"
		}
		if i%50 == 0 {
			c, err := event.NewChange(e, event.Change{Status: event.StatusDead, Attempt: 1, At: e.Time})
			require.NoError(t, err)
			events = append(events, c)
		}
	}
	require.NoError(t, storetest.Append(t.Context(), s, events))
	_, err := s.pool.Exec(t.Context(), "analyze")
	require.NoError(t, err)
}

func plan(t *testing.T, s *Store, sql string, args ...any) string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), "explain "+sql, args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}
