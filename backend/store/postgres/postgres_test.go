package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// open returns a store whose schema is not there yet. The URL has parameters. On a busy machine the
// server takes long to connect.
func open(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{
		URL: url + "&pool_max_conns=6&connect_timeout=60", AcquireTimeout: time.Minute, StatementTimeout: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func migrated(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s := open(t, url)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

func execute(t testing.TB, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store { return migrated(t, testsvc.Postgres(t)) })
}

// TestConformanceOfCopies has every batch copied that is new, however small.
func TestConformanceOfCopies(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s := migrated(t, testsvc.Postgres(t))
		postgres.AlwaysCopy(s)
		return s
	})
}

func TestReopen(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(3)))
	before, err := s.Get(t.Context(), storetest.Event(1).ID)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	after, err := migrated(t, url).Get(t.Context(), storetest.Event(1).ID)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	var group errgroup.Group
	for range 6 {
		s := open(t, url)
		group.Go(func() error { return s.Migrate(t.Context()) })
	}
	require.NoError(t, group.Wait())
	require.NoError(t, open(t, url).Ready(t.Context()))
}

func TestNotMigrated(t *testing.T) {
	t.Parallel()
	s := open(t, testsvc.Postgres(t))
	require.ErrorIs(t, s.Ready(t.Context()), store.ErrUnavailable)
	require.ErrorIs(t, storetest.Append(t.Context(), s, storetest.Events(1)), store.ErrUnavailable, "the event is not to blame")
}

func TestSchemaOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct{ sql, want string }{
		"newer":   {"insert into events_migrations values (1000, 'later', 'x', 0, 1000)", "version 1000, newer than this program"},
		"changed": {"update events_migrations set checksum = 'x'", "differs from 0001_events.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testsvc.Postgres(t)
			s := migrated(t, url)
			execute(t, url, change.sql)
			for _, err := range []error{s.Migrate(t.Context()), s.Ready(t.Context())} {
				require.ErrorContains(t, err, change.want)
				require.NotErrorIs(t, err, store.ErrUnavailable)
			}
		})
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	migrated(t, url)
	s := open(t, url+"&default_transaction_read_only=on")
	require.ErrorIs(t, storetest.Append(t.Context(), s, storetest.Events(1)), store.ErrUnavailable)
	require.NoError(t, s.Ready(t.Context()), "reads go on")
}

func TestMalformedURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "host=localhost", "mysql://u:hunter2@h/db", "postgres://u:hunter2@h:port/db",
		"postgres://u:hunter2@h/db?sslmode=hunter2", "postgres://u:hun ter2@h/%zz", "postgres://u:p@h/db?pool_max_conns=hunter2",
	} {
		_, err := postgres.Open(t.Context(), postgres.Config{URL: url})
		require.ErrorContains(t, err, "address of the database", url)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
