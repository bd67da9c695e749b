package sqlite

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlans asks SQLite how it would execute what the writer does: nothing may look at
// every delivery, or the cost of an event would grow with the backlog.
func TestPlans(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	conn := direct(t, q)
	texts := []string{selectLane}
	for _, s := range (&statements{}).texts() {
		texts = append(texts, numbers.Replace(s.text))
	}
	for _, text := range texts {
		for _, step := range planOf(t, conn, text) {
			for _, bad := range []string{"SCAN d", "SCAN e", "SCAN seen", "TEMP B-TREE"} {
				require.NotContains(t, step, bad, text)
			}
		}
	}
}

func planOf(t *testing.T, conn *sql.Conn, text string) (steps []string) {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, "1", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	require.NoError(t, rows.Err())
	return steps
}
