// Package postgres keeps events in PostgreSQL, shared by several backends.
package postgres

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres/replicas"
)

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
	CheckConnections(ctx context.Context) error
	Close()
}

// Store is a [store.Store] in a PostgreSQL database.
type Store struct {
	db    database
	sql   sqldb.DB
	log   *slog.Logger
	slots *slots
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
	return &Store{db: db, sql: sqldb.FromPool(db.Primary()), log: cfg.Logger, slots: newSlots(), callTimeout: cfg.StatementTimeout + waitForConnection}
}

// Ready implements [store.Store].
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return schemaError("reading the schema version", migrations.Check(ctx, s.sql))
}

// Close implements [store.Store]. It waits for running calls and is safe to call twice.
func (s *Store) Close() error {
	err := s.sql.Writer.Close()
	s.db.Close()
	return err
}

// SQL returns the primary, for other parts of the backend that keep tables there.
func (s *Store) SQL() sqldb.DB { return s.sql }

func (s *Store) primary() *pgxpool.Pool { return s.db.Primary() }

// CheckConnections asks the primary whether it has room for the connections of this process, and
// returns [replicas.ErrTooManyConns] if not.
func (s *Store) CheckConnections(ctx context.Context) error { return s.db.CheckConnections(ctx) }

// collect reads rows from a replica, if one is current, with a statement that is planned for its
// arguments.
func collect[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], query string, args []any) (all []T, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	args = append([]any{planned}, args...)
	err = s.db.Read(ctx, func(ctx context.Context, db *pgxpool.Pool) error {
		rows, err := db.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = pgx.AppendRows([]T(nil), rows, scan)
		return err
	})
	return all, err
}

func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.callTimeout)
}
