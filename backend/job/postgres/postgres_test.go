package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/jobtest"
	"github.com/botgate/botgate/backend/job/postgres"
	store "github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

func pool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	p, err := pgxpool.New(t.Context(), url+"&pool_max_conns=4")
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func TestConformance(t *testing.T) {
	t.Parallel()
	jobtest.Run(t, func(t *testing.T) jobtest.Open {
		url := testsvc.Postgres(t)
		return func(t *testing.T) job.Engine {
			e := postgres.New(pool(t, url), nil)
			require.NoError(t, e.Migrate(t.Context()))
			return e
		}
	})
}

// TestBesideEvents has both parts make their tables in one database at once.
func TestBesideEvents(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	events, err := store.Open(t.Context(), store.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, events.Close()) })
	e := postgres.New(pool(t, url), nil)
	var group errgroup.Group
	for range 3 {
		group.Go(func() error { return events.Migrate(t.Context()) })
		group.Go(func() error { return e.Migrate(t.Context()) })
	}
	require.NoError(t, group.Wait())
	require.NoError(t, events.Ready(t.Context()))
	require.NoError(t, e.Ready(t.Context()))
}

func TestNotMigrated(t *testing.T) {
	t.Parallel()
	e := postgres.New(pool(t, testsvc.Postgres(t)), nil)
	require.ErrorIs(t, e.Ready(t.Context()), job.ErrUnavailable)
	_, err := e.Load(t.Context(), "42")
	require.ErrorIs(t, err, job.ErrUnavailable)
}

func TestTableOfAnotherProgram(t *testing.T) {
	t.Parallel()
	p := pool(t, testsvc.Postgres(t))
	e := postgres.New(p, nil)
	require.NoError(t, e.Migrate(t.Context()))
	_, err := p.Exec(t.Context(), "insert into jobs_migrations values (1000, 'later', 'x')")
	require.NoError(t, err)
	for _, err := range []error{e.Migrate(t.Context()), e.Ready(t.Context())} {
		require.ErrorContains(t, err, "version 1000, newer than this program")
		require.NotErrorIs(t, err, job.ErrUnavailable)
	}
}
