package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/jobtest"
	"github.com/botgate/botgate/backend/job/sqlite"
	store "github.com/botgate/botgate/backend/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handle is quick: these tests are not about the disk.
func handle(t *testing.T, path, pragmas string, size int) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"+pragmas)
	require.NoError(t, err)
	db.SetMaxOpenConns(size)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func open(t *testing.T, path string) (*sqlite.Engine, error) {
	t.Helper()
	return sqlite.New(t.Context(), handle(t, path, "&_txlock=immediate", 1), handle(t, path, "&_pragma=query_only(1)", 4))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	jobtest.Run(t, func(t *testing.T) jobtest.Open {
		path := filepath.Join(t.TempDir(), "events.db")
		return func(t *testing.T) job.Engine {
			e, err := open(t, path)
			require.NoError(t, err)
			return e
		}
	})
}

// TestBesideEvents has both parts make and check their tables in one file, again and again.
func TestBesideEvents(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	for range 2 {
		s, err := store.Open(t.Context(), store.Config{Path: path})
		require.NoError(t, err)
		_, err = open(t, path)
		require.NoError(t, err)
		require.NoError(t, s.Ready(t.Context()))
		require.NoError(t, s.Close())
	}
}

func TestTableOfAnotherProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	_, err := open(t, path)
	require.NoError(t, err)
	_, err = handle(t, path, "", 1).ExecContext(t.Context(), "update jobs_migrations set checksum = 'x'")
	require.NoError(t, err)
	_, err = open(t, path)
	require.ErrorContains(t, err, "differs from 0001_jobs.sql")
	require.NotErrorIs(t, err, job.ErrUnavailable)
}

func TestClosed(t *testing.T) {
	t.Parallel()
	db := handle(t, filepath.Join(t.TempDir(), "events.db"), "&_txlock=immediate", 1)
	e, err := sqlite.New(t.Context(), db, db)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.ErrorIs(t, e.Ready(t.Context()), job.ErrUnavailable)
	_, err = e.Load(t.Context(), "42")
	require.ErrorIs(t, err, job.ErrUnavailable)
}
