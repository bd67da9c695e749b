package refusal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
)

// TestPlans has each statement read no more than it needs, by an index and in its order.
func TestPlans(t *testing.T) {
	t.Parallel()
	statements := map[string][]any{
		selectRows:    {1, 2, 3},
		selectSamples: {1, 2, "h", "r", "p", "b", 3},
		trimSamples:   {"g", "h", "r", 99},
	}
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		db := fresh(t)(t)
		require.NoError(t, New(db, nil).Migrate(t.Context()))
		for statement, arguments := range statements {
			lines := explain(t, db, statement, arguments...)
			plan := strings.Join(lines, "\n")
			require.Regexp(t, `refusal_samples_(at|kind)|refusals_pkey|sqlite_autoindex_refusals_1|USING PRIMARY KEY`, plan, statement)
			require.NotContains(t, plan, "Seq Scan", statement)
			require.NotContains(t, plan, "Sort", statement)
			require.NotContains(t, plan, "TEMP B-TREE", statement)
			require.NotContains(t, plan, "SCAN refusal", statement)
		}
	})
}

// explain asks the planner of either database; that of PostgreSQL would read all of an empty table.
func explain(t *testing.T, db sqldb.DB, statement string, arguments ...any) []string {
	t.Helper()
	tx, err := db.Writer.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	how := "explain query plan "
	if db.Dialect == sqldb.Postgres {
		how = "explain "
		_, err := tx.ExecContext(t.Context(), "set local enable_seqscan = off; set local enable_bitmapscan = off")
		require.NoError(t, err)
	}
	rows, err := tx.QueryContext(t.Context(), how+statement, arguments...)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var lines []string
	for rows.Next() {
		var line string
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(any)
		}
		row[len(row)-1] = &line
		require.NoError(t, rows.Scan(row...))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	return lines
}
