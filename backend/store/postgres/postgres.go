// Package postgres keeps events in PostgreSQL, shared by several backends.
package postgres

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
	"github.com/botgate/botgate/backend/store/postgres/replicas"
)

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

// waitForConnection is what a call may take beyond its statements.
const waitForConnection = 5 * time.Second

var (
	_ store.Store      = (*Store)(nil)
	_ store.Maintainer = (*Store)(nil)
)

// Config says where the database is and how to use it. A call takes at most 5 s longer than
// StatementTimeout. A PgBouncer in between has to ignore the startup parameters statement_timeout
// and synchronous_commit; the server then needs synchronous_commit = on, since events are
// acknowledged after the commit.
type Config = replicas.Config

// database is where to write and to read: a [replicas.Cluster], or one server in tests.
type database interface {
	Primary() *pgxpool.Pool
	Read(ctx context.Context, read func(context.Context, *pgxpool.Pool) error) error
	Copy(ctx context.Context, sql string, rows int, run func(context.Context) error) error
	CheckConnections(ctx context.Context) error
	Close()
}

type base = sqlstore.Base

// Store is a [store.Store] in a PostgreSQL database.
type Store struct {
	base
	db     database
	tables migration.Tables
	slots  *slots
	// copyFrom is the constant of that name, but for tests.
	copyFrom int
	// callTimeout bounds a call when the server hangs and enforces no statement_timeout.
	callTimeout time.Duration
}

// Open makes a store without waiting for a server; [Store.Ready] and [Store.Migrate] report
// whether one answers. A malformed URL is an error.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.WithDefaults()
	db, err := replicas.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return newStore(db, cfg), nil
}

func newStore(db database, cfg Config) *Store {
	s := &Store{
		db: db, slots: newSlots(), copyFrom: copyFrom, callTimeout: cfg.StatementTimeout + waitForConnection,
		tables: Tables(sqldb.FromPool(db.Primary()), cfg.Logger),
	}
	s.base = base{
		Read: s.read, Exclusively: s.forEach, Classify: classify,
		SelectTime: selectTime, SelectRows: selectRows, Page: readPage, EdgeQuery: edgeQuery, CountQuery: countQuery, LogQuery: logQuery, Step: step,
	}
	return s
}

// Tables are those of the events in a database. The logger may be nil.
func Tables(db sqldb.DB, log *slog.Logger) migration.Tables {
	return migration.NewTables("events", migrationFiles, db, log, store.ErrUnavailable)
}

// Ready implements [store.Store].
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.tables.Ready(ctx)
}

// Migrate brings the schema up to date, in one transaction without a time limit, one process at a
// time. It returns [store.ErrUnavailable] while the server can't be reached; any other error, as of
// a schema newer than the program, needs an operator.
func (s *Store) Migrate(ctx context.Context) error { return s.tables.Migrate(ctx) }

// Close implements [store.Store]. It waits for running calls and is safe to call twice.
func (s *Store) Close() error {
	err := s.tables.DB.Writer.Close()
	s.db.Close()
	return err
}

// SQL returns the primary, for other parts of the backend that keep tables there.
func (s *Store) SQL() sqldb.DB { return s.tables.DB }

func (s *Store) primary() *pgxpool.Pool { return s.db.Primary() }

// CheckConnections asks the primary whether it has room for the connections of this process, and
// returns [replicas.ErrTooManyConns] if not.
func (s *Store) CheckConnections(ctx context.Context) error { return s.db.CheckConnections(ctx) }

func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.callTimeout)
}
