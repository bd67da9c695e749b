package sqldbtest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/internal/testsvc"
)

// Tables are those of one part of the backend.
type Tables interface {
	Migrate(ctx context.Context) error
	Ready(ctx context.Context) error
}

// Part is a part of the backend that keeps tables.
type Part[T Tables] struct {
	// Name is that of its migrations, such as "jobs".
	Name string
	// Unavailable is its error for failures of the database.
	Unavailable error
	// New returns the part in a database.
	New func(db sqldb.DB) T
	// Read reads a row that need not be there.
	Read func(ctx context.Context, part T) error
}

// Migrated returns the part in a database, with its tables.
func (p Part[T]) Migrated(t *testing.T, db sqldb.DB) T {
	t.Helper()
	tables := p.New(db)
	require.NoError(t, tables.Migrate(t.Context()))
	return tables
}

// Conformance runs the test that all engines of a part pass, for both kinds of database.
func Conformance[T Tables, Engine any, Opener ~func(*testing.T) Engine](
	t *testing.T, p Part[T], conformance func(t *testing.T, fresh func(t *testing.T) Opener),
) {
	t.Helper()
	Each(t, func(t *testing.T, fresh func(t *testing.T) Open) {
		conformance(t, func(t *testing.T) Opener {
			open := fresh(t)
			return func(t *testing.T) Engine { return any(p.Migrated(t, open(t))).(Engine) }
		})
	})
}

// Test tests what all parts have to do about their tables.
func (p Part[T]) Test(t *testing.T) {
	t.Helper()
	t.Run("beside events", p.testBesideEvents)
	for name, test := range map[string]func(*testing.T, sqldb.DB){
		"not migrated": func(t *testing.T, db sqldb.DB) { p.requireUnavailable(t, p.New(db)) },
		"newer":        p.testNewer,
		"expanded":     p.testExpanded,
		"older list":   p.testOlderList,
		"changed":      p.testChanged,
		"closed":       p.testClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			Each(t, func(t *testing.T, fresh func(t *testing.T) Open) { test(t, fresh(t)(t)) })
		})
	}
}

// testBesideEvents has both parts make their tables in one database at once.
func (p Part[T]) testBesideEvents(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t) + "&connect_timeout=60"
	events, err := postgres.Open(t.Context(), postgres.Config{URL: url, AcquireTimeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, events.Close()) })
	tables := p.New(events.SQL())
	var group errgroup.Group
	for range 3 {
		group.Go(func() error { return events.Migrate(t.Context()) })
		group.Go(func() error { return tables.Migrate(t.Context()) })
	}
	require.NoError(t, group.Wait())
	require.NoError(t, events.Ready(t.Context()))
	require.NoError(t, tables.Ready(t.Context()))
}

func (p Part[T]) testNewer(t *testing.T, db sqldb.DB) {
	p.testOtherProgram(t, db, "insert into "+p.Name+"_migrations values (1000, 'later', 'x', 0, 1000)", "version 1000, newer than this program")
}

// testExpanded has a newer program bring the tables up to date in a way that this one can live with.
func (p Part[T]) testExpanded(t *testing.T, db sqldb.DB) {
	tables := p.Migrated(t, db)
	p.execute(t, db, "insert into "+p.Name+"_migrations values (1000, 'later', 'x', 0, 1)")
	require.NoError(t, tables.Ready(t.Context()))
	require.NoError(t, p.New(db).Migrate(t.Context()), "so does one that starts")
	p.execute(t, db, "insert into "+p.Name+"_migrations values (1001, 'contract', 'x', 0, 1000)")
	require.ErrorContains(t, tables.Ready(t.Context()), "version 1001, newer than this program")
}

// testOlderList has a program before min_program make the tables, and go on beside this one.
func (p Part[T]) testOlderList(t *testing.T, db sqldb.DB) {
	tables := p.Migrated(t, db)
	p.execute(t, db, "alter table "+p.Name+"_migrations drop column min_program")
	require.NoError(t, tables.Ready(t.Context()))
	require.NoError(t, p.New(db).Migrate(t.Context()))
	p.execute(t, db, "insert into "+p.Name+"_migrations (version, name, checksum, applied_at) values (1000, 'later', 'x', 0)")
	require.ErrorContains(t, tables.Ready(t.Context()), "version 1000, newer than this program")
}

func (p Part[T]) execute(t *testing.T, db sqldb.DB, query string) {
	t.Helper()
	_, err := db.Writer.ExecContext(t.Context(), query)
	require.NoError(t, err)
}

func (p Part[T]) testChanged(t *testing.T, db sqldb.DB) {
	p.testOtherProgram(t, db, "update "+p.Name+"_migrations set checksum = 'x'", "differs from 0001_"+p.Name+".sql")
}

// testOtherProgram has another program change the tables.
func (p Part[T]) testOtherProgram(t *testing.T, db sqldb.DB, change, want string) {
	t.Helper()
	tables := p.Migrated(t, db)
	p.execute(t, db, change)
	for _, err := range []error{tables.Migrate(t.Context()), tables.Ready(t.Context())} {
		require.ErrorContains(t, err, want)
		require.NotErrorIs(t, err, p.Unavailable)
	}
}

func (p Part[T]) testClosed(t *testing.T, db sqldb.DB) {
	tables := p.Migrated(t, db)
	require.NoError(t, db.Writer.Close())
	require.NoError(t, db.Reader.Close())
	p.requireUnavailable(t, tables)
}

func (p Part[T]) requireUnavailable(t *testing.T, tables T) {
	t.Helper()
	require.ErrorIs(t, tables.Ready(t.Context()), p.Unavailable)
	require.ErrorIs(t, p.Read(t.Context(), tables), p.Unavailable)
}
