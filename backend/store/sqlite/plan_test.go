package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
	"github.com/botgate/botgate/internal/event"
)

// TestPlans asks the planner about every query: none may read a table from end to end,
// or sort more than a page.
func TestPlans(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "events.db")})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()

	require.Contains(t, plan(t, s, "select data from events"), "SCAN events", "the plan can be read")
	for _, sql := range []string{selectEvent, selectChanges} {
		steps := plan(t, s, sql, "id", 1)
		for _, step := range steps {
			require.Contains(t, step, "SEARCH", steps)
		}
	}
	for _, c := range []struct {
		index string
		query store.Query
	}{
		{"event_status_time", store.Query{}},
		{"event_status_bot", store.Query{Bot: "b"}},
		{"event_status_subject", store.Query{Subject: "s"}},
		{"event_status_type", store.Query{Type: "t"}},
		{"event_status_status", store.Query{Status: event.StatusDead}},
		{"event_status_type", store.Query{Bot: "b", Type: "t"}},
		{"event_status_status", store.Query{Bot: "b", Type: "t", Status: event.StatusDead}},
		{"event_status_type", store.Query{Bot: "b", Type: "t", Status: event.StatusDelivered}},
		{"event_status_subject", store.Query{Bot: "b", Subject: "s", Type: "t", Status: event.StatusAccepted}},
	} {
		q := c.query
		for _, id := range []string{"", "after"} {
			q.After.ID = id
			sql, args := statement.List(q, 0)
			steps := plan(t, s, sql, args...)
			require.NotContains(t, steps, "USE TEMP B-TREE FOR ORDER BY", "%+v", q)
			require.Contains(t, strings.Join(steps, "\n"), "SEARCH event_status USING INDEX "+c.index+" (")
			for _, table := range []string{"SCAN events", "SCAN e", "SCAN event_status"} {
				require.NotContains(t, steps, table, "%+v", q)
			}
		}
	}
}

// plan returns the steps of a query; spare arguments are ignored.
func plan(t *testing.T, s *Store, sql string, args ...any) []string {
	t.Helper()
	rows, err := s.reader.QueryContext(t.Context(), "explain query plan "+sql, args...)
	require.NoError(t, err)
	steps, err := collect(rows, func(row scanner) (step string, err error) {
		var id, parent, unused int
		return step, row.Scan(&id, &parent, &unused, &step)
	})
	require.NoError(t, err)
	return steps
}
