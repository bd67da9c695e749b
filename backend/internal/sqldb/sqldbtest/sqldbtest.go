// Package sqldbtest gives tests of parts that keep rows in a store's database both kinds of it.
package sqldbtest

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/testsvc"
)

// Open opens a database that was empty at first. What two calls return is the same one.
type Open func(t *testing.T) sqldb.DB

// Each runs a test with PostgreSQL and SQLite; fresh makes an empty database.
func Each(t *testing.T, test func(t *testing.T, fresh func(t *testing.T) Open)) {
	t.Helper()
	for name, fresh := range map[string]func(t *testing.T) Open{"PostgreSQL": server, "SQLite": file} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh)
		})
	}
}

func server(t *testing.T) Open {
	url := testsvc.Postgres(t)
	return func(t *testing.T) sqldb.DB {
		pool, err := pgxpool.New(t.Context(), url+"&pool_max_conns=4")
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		db := sqldb.FromPool(pool)
		t.Cleanup(func() { require.NoError(t, db.Writer.Close()) })
		return db
	}
}

func file(t *testing.T) Open {
	path := filepath.Join(t.TempDir(), "events.db")
	return func(t *testing.T) sqldb.DB {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s.SQL()
	}
}
