package migration_test

import (
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// TestUpgrade has programs of three releases share a database: the second only adds to the tables,
// the third takes something away.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(*testing.T) sqldbtest.Open) {
		db := fresh(t)(t)
		release := func(n int) migration.Tables { return program(db, n) }
		require.NoError(t, release(1).Migrate(t.Context()))
		// As a program made it that did not know of min_program.
		execute(t, db, "alter table parts_migrations drop column min_program")
		execute(t, db, "insert into parts (x) values (1), (2)")

		steps, err := release(3).Plan(t.Context())
		require.NoError(t, err)
		require.Len(t, steps, 2)
		require.Equal(t, []int{2, 1, 3, 2}, []int{steps[0].Version, steps[0].MinProgram, steps[1].Version, steps[1].MinProgram})
		require.Equal(t, "parts", steps[0].Locks[0].Table)
		require.Zero(t, steps[0].Takes())
		require.ErrorContains(t, release(2).Ready(t.Context()), "lacks version 2", "a plan changes nothing")

		require.NoError(t, release(2).Migrate(t.Context()))
		require.NoError(t, release(1).Ready(t.Context()), "the older program works on")
		require.NoError(t, release(1).Migrate(t.Context()), "and it may be rolled back to")

		require.NoError(t, release(3).Migrate(t.Context()))
		require.NoError(t, release(2).Ready(t.Context()))
		for _, err := range []error{release(1).Ready(t.Context()), release(1).Migrate(t.Context())} {
			require.ErrorContains(t, err, "version 3, newer than this program, which knows up to 1 and would have to know 2")
		}
	})
}

// TestPlanCounts finds the rows that a migration goes through.
func TestPlanCounts(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(*testing.T) sqldbtest.Open) {
		db := fresh(t)(t)
		require.NoError(t, program(db, 2).Migrate(t.Context()))
		execute(t, db, "insert into parts (x) values (1), (2)")
		execute(t, db, "analyze")
		steps, err := program(db, 3).Plan(t.Context())
		require.NoError(t, err)
		require.Len(t, steps, 1)
		require.EqualValues(t, 2, steps[0].Locks[0].Rows)
		require.Less(t, steps[0].Takes(), time.Second)
	})
}

// program returns the tables as the n-th release knows them.
func program(db sqldb.DB, n int) migration.Tables {
	files := fstest.MapFS{}
	for i, text := range []string{
		"create table parts (x integer);",
		"-- min_program: 1\nalter table parts add column y integer;",
		"-- min_program: 2\ncreate unique index parts_x on parts (x);",
	}[:n] {
		name := []string{"0001_parts.sql", "0002_more.sql", "0003_contract.sql"}[i]
		files["migrations/"+string(db.Dialect)+"/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return migration.NewTables("parts", files, db, nil, errors.New("unavailable"))
}

func execute(t *testing.T, db sqldb.DB, query string) {
	t.Helper()
	_, err := db.Writer.ExecContext(t.Context(), query)
	require.NoError(t, err)
}
