package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/internal/testsvc"
)

func migrated(t *testing.T, db sqldb.DB) *session.SQL {
	t.Helper()
	e := session.NewSQL(db, nil)
	require.NoError(t, e.Migrate(t.Context()))
	return e
}

func TestSQLConformance(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		conformance(t, func(t *testing.T) openEngine {
			open := fresh(t)
			return func(t *testing.T) session.Engine { return migrated(t, open(t)) }
		})
	})
}

// TestSQLBesideEvents has both parts make their tables in one database at once.
func TestSQLBesideEvents(t *testing.T) {
	t.Parallel()
	events, err := postgres.Open(t.Context(), postgres.Config{URL: testsvc.Postgres(t) + "&connect_timeout=60", AcquireTimeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, events.Close()) })
	e := session.NewSQL(events.SQL(), nil)
	var group errgroup.Group
	for range 3 {
		group.Go(func() error { return events.Migrate(t.Context()) })
		group.Go(func() error { return e.Migrate(t.Context()) })
	}
	require.NoError(t, group.Wait())
	require.NoError(t, events.Ready(t.Context()))
	require.NoError(t, e.Ready(t.Context()))
}

func TestSQLNotMigrated(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		e := session.NewSQL(fresh(t)(t), nil)
		require.ErrorIs(t, e.Ready(t.Context()), session.ErrUnavailable)
		_, err := e.Bots(t.Context(), "42")
		require.ErrorIs(t, err, session.ErrUnavailable)
	})
}

func TestSQLTableOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"insert into sessions_migrations values (1000, 'later', 'x', 0)": "version 1000, newer than this program",
		"update sessions_migrations set checksum = 'x'":                  "differs from 0001_sessions.sql",
	} {
		sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
			db := fresh(t)(t)
			e := migrated(t, db)
			_, err := db.Writer.ExecContext(t.Context(), change)
			require.NoError(t, err)
			for _, err := range []error{e.Migrate(t.Context()), e.Ready(t.Context())} {
				require.ErrorContains(t, err, want)
				require.NotErrorIs(t, err, session.ErrUnavailable)
			}
		})
	}
}

func TestSQLClosed(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		db := fresh(t)(t)
		e := migrated(t, db)
		require.NoError(t, db.Writer.Close())
		require.NoError(t, db.Reader.Close())
		require.ErrorIs(t, e.Ready(t.Context()), session.ErrUnavailable)
		_, err := e.Bots(t.Context(), "42")
		require.ErrorIs(t, err, session.ErrUnavailable)
	})
}
