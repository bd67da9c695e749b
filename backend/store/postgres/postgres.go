// Package postgres keeps events in PostgreSQL, where several backends record and read
// at once.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/store"
)

const (
	defaultStatementTimeout = 10 * time.Second
	connectTimeout          = 5 * time.Second
)

var (
	_ store.Store  = (*Store)(nil)
	_ store.Keeper = (*Store)(nil)
)

// errURL leaves out the URL and what the parser says about it: either may hold the password.
var errURL = errors.New("BOTGATE_DATABASE_URL is not a PostgreSQL URL like postgres://user:password@host:5432/database")

// Config says where the database is and how to use it.
type Config struct {
	// URL is "postgres://…" or "postgresql://…", with several hosts if need be and
	// pgx's parameters, such as sslmode, target_session_attrs or pool_max_conns, which
	// bounds the connections (default: the number of cores and at least 4).
	// synchronous_commit is on unless the URL sets it, whatever the server's default:
	// events are acknowledged after the commit. A PgBouncer in between has to ignore
	// the startup parameters statement_timeout and synchronous_commit, and the server
	// then has to have the latter on. Required.
	URL string
	// StatementTimeout is how long the server works on one statement; a call takes
	// longer by the connect_timeout of the URL (5 s) at most. Default 10 s.
	StatementTimeout time.Duration
	// Logger gets what happens outside of calls. Default: discard.
	Logger *slog.Logger
}

// Store is a [store.Store] in a PostgreSQL database.
type Store struct {
	pool  *pgxpool.Pool
	log   *slog.Logger
	slots *slots
	// callTimeout bounds a call even when the server hangs and cannot end it itself.
	callTimeout time.Duration
}

// Open makes a store without dialing: the server need not be up. [Store.Ready] and
// [Store.Migrate] are the first to say whether it is. A malformed URL is an error that
// names BOTGATE_DATABASE_URL.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.StatementTimeout <= 0 {
		cfg.StatementTimeout = defaultStatementTimeout
	}
	settings, err := poolConfig(cfg)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("making a connection pool: %w", err)
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Store{pool: pool, log: log, slots: newSlots(), callTimeout: cfg.StatementTimeout + settings.ConnConfig.ConnectTimeout}, nil
}

func poolConfig(cfg Config) (*pgxpool.Config, error) {
	// Without a scheme pgx would read key=value pairs, and fill gaps from PGHOST.
	if !strings.HasPrefix(cfg.URL, "postgres://") && !strings.HasPrefix(cfg.URL, "postgresql://") {
		return nil, errURL
	}
	settings, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errURL
	}
	if settings.ConnConfig.ConnectTimeout == 0 {
		settings.ConnConfig.ConnectTimeout = connectTimeout
	}
	// Connections made together should not end together.
	settings.MaxConnLifetimeJitter = settings.MaxConnLifetime / 10
	defaults := map[string]string{
		"application_name":   "botgate",
		"statement_timeout":  strconv.FormatInt(cfg.StatementTimeout.Milliseconds(), 10),
		"synchronous_commit": "on",
	}
	for name, value := range defaults {
		if _, set := settings.ConnConfig.RuntimeParams[name]; !set {
			settings.ConnConfig.RuntimeParams[name] = value
		}
	}
	return settings, nil
}

// Ready implements [store.Store].
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	pending, err := migrations.PostgresPending(ctx, s.write())
	switch {
	case errors.Is(err, migration.ErrSchema):
		return err
	case err != nil:
		return fmt.Errorf("reading the schema version: %w", classify(err))
	}
	if len(pending) > 0 {
		return fmt.Errorf("%w: schema version %d is not applied yet", store.ErrUnavailable, pending[0].Version)
	}
	return nil
}

// Close implements [store.Store]. It waits for the calls under way and is safe to call
// twice.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// write is where to write to.
func (s *Store) write() *pgxpool.Pool { return s.pool }

// read is where to read from, see [store.Fresh].
func (s *Store) read(context.Context) *pgxpool.Pool { return s.pool }

func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.callTimeout)
}
