// Package postgres keeps sessions in a table of a PostgreSQL database that others may use
// as well.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/session/internal/statement"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("session", files)

// sweep passes over rows that a writer or another sweep is at, and looks again at those
// that were written between.
const sweep = `
delete from sessions where (subject, bot) in (
	select subject, bot from sessions where expires_at <= $1 order by expires_at limit $2 for update skip locked)
and expires_at <= $1`

var _ session.Engine = (*Engine)(nil)

// Engine is a [session.Engine] in a database. It needs no end.
type Engine struct {
	pool *pgxpool.Pool
	log  *slog.Logger
}

// New returns the sessions in the database that the pool is connected to, which has to be
// the primary: sessions are read as they were just written. It does not dial. [Engine.Migrate]
// has to succeed before anything else can. The logger may be nil.
func New(pool *pgxpool.Pool, log *slog.Logger) *Engine {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Engine{pool: pool, log: log}
}

// Migrate makes the table, or brings it up to date. It returns [session.ErrUnavailable] while
// the server can't be reached; any other error stays until an operator acts.
func (e *Engine) Migrate(ctx context.Context) error {
	err := migrations.Postgres(ctx, e.pool, e.log)
	if errors.Is(err, migration.ErrSchema) {
		return fmt.Errorf("preparing the table of sessions: %w", err)
	}
	return failed("preparing the table of sessions", err)
}

// failed is how everything ends that the server refuses: no session is itself the reason.
func failed(action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", action, session.ErrUnavailable, err)
}

// Load implements [session.Engine].
func (e *Engine) Load(ctx context.Context, key session.Key, at time.Time) (*session.Session, error) {
	s := &session.Session{Key: key}
	err := e.pool.QueryRow(ctx, statement.Load, key.User, key.Bot, at).
		Scan(&s.Version, &s.Data, &s.UpdatedAt, &s.ExpiresAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, session.ErrNotFound
	case err != nil:
		return nil, failed("reading a session", err)
	}
	s.UpdatedAt, s.ExpiresAt = s.UpdatedAt.UTC(), s.ExpiresAt.UTC()
	return s, nil
}

// Store implements [session.Engine].
func (e *Engine) Store(ctx context.Context, next *session.Session, was string) error {
	query := statement.Create
	args := []any{next.User, next.Bot, next.Version, next.Data, next.UpdatedAt, next.ExpiresAt}
	if was != "" {
		query, args = statement.Replace, append(args, was)
	}
	return e.writeOne(ctx, "writing a session", query, args...)
}

// Remove implements [session.Engine].
func (e *Engine) Remove(ctx context.Context, key session.Key, was string) error {
	return e.writeOne(ctx, "removing a session", statement.Remove, key.User, key.Bot, was)
}

// writeOne changes one row; none is a conflict.
func (e *Engine) writeOne(ctx context.Context, action, query string, args ...any) error {
	result, err := e.pool.Exec(ctx, query, args...)
	if err == nil && result.RowsAffected() == 0 {
		return session.ErrConflict
	}
	return failed(action, err)
}

// Bots implements [session.Engine].
func (e *Engine) Bots(ctx context.Context, user string) ([]string, error) {
	// CollectRows returns the error of Query as well.
	rows, _ := e.pool.Query(ctx, statement.Bots, user)
	bots, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return bots, failed("listing sessions", err)
}

// RemoveUser implements [session.Engine].
func (e *Engine) RemoveUser(ctx context.Context, user string) error {
	_, err := e.pool.Exec(ctx, statement.RemoveUser, user)
	return failed("removing a user's sessions", err)
}

// Sweep implements [session.Engine].
func (e *Engine) Sweep(ctx context.Context, at time.Time, limit int) (int, error) {
	result, err := e.pool.Exec(ctx, sweep, at, limit)
	return int(result.RowsAffected()), failed("sweeping sessions", err)
}

// Ready implements [session.Engine].
func (e *Engine) Ready(ctx context.Context) error {
	pending, err := migrations.PostgresPending(ctx, e.pool)
	switch {
	case errors.Is(err, migration.ErrSchema):
		return err
	case err != nil:
		return failed("reading the version of the sessions' table", err)
	case len(pending) > 0:
		return fmt.Errorf("%w: their table is not made yet", session.ErrUnavailable)
	}
	return nil
}
