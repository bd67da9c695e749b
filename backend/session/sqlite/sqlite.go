// Package sqlite keeps sessions in a table of a SQLite file that others may use as well.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/session/internal/statement"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("session", files)

// sweep removes the oldest first, found by their index.
const sweep = `
delete from sessions where rowid in (
	select rowid from sessions where expires_at <= $1 order by expires_at limit $2)`

var _ session.Engine = (*Engine)(nil)

// Engine is a [session.Engine] in a file. It has no connections of its own and needs no end.
type Engine struct{ writer, reader *sql.DB }

// New makes the table, or brings it up to date. The writer is a pool of one connection whose
// transactions start as a writer's (_txlock=immediate); the reader may be the same. An error
// is that of another program's table, or [session.ErrUnavailable].
func New(ctx context.Context, writer, reader *sql.DB) (*Engine, error) {
	err := migrations.SQLite(ctx, writer)
	switch {
	case errors.Is(err, migration.ErrSchema):
		return nil, fmt.Errorf("preparing the table of sessions: %w", err)
	case err != nil:
		return nil, failed("preparing the table of sessions", err)
	}
	return &Engine{writer: writer, reader: reader}, nil
}

// failed is how everything ends that SQLite refuses: no session is itself the reason.
func failed(action string, err error) error {
	return fmt.Errorf("%s: %w: %w", action, session.ErrUnavailable, err)
}

// Load implements [session.Engine].
func (e *Engine) Load(ctx context.Context, key session.Key, at time.Time) (*session.Session, error) {
	s := &session.Session{Key: key}
	var updated, expires int64
	err := e.reader.QueryRowContext(ctx, statement.Load, key.User, key.Bot, at.UnixMicro()).
		Scan(&s.Version, &s.Data, &updated, &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, session.ErrNotFound
	case err != nil:
		return nil, failed("reading a session", err)
	}
	s.UpdatedAt, s.ExpiresAt = time.UnixMicro(updated).UTC(), time.UnixMicro(expires).UTC()
	return s, nil
}

// Store implements [session.Engine].
func (e *Engine) Store(ctx context.Context, next *session.Session, was string) error {
	query := statement.Create
	args := []any{next.User, next.Bot, next.Version, next.Data, next.UpdatedAt.UnixMicro(), next.ExpiresAt.UnixMicro()}
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
	n, err := e.write(ctx, action, query, args...)
	if err == nil && n == 0 {
		return session.ErrConflict
	}
	return err
}

func (e *Engine) write(ctx context.Context, action, query string, args ...any) (rows int, err error) {
	result, err := e.writer.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, failed(action, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, failed(action, err)
	}
	return int(n), nil
}

// Bots implements [session.Engine].
func (e *Engine) Bots(ctx context.Context, user string) ([]string, error) {
	rows, err := e.reader.QueryContext(ctx, statement.Bots, user)
	if err != nil {
		return nil, failed("listing sessions", err)
	}
	defer func() { _ = rows.Close() }()
	var bots []string
	for rows.Next() {
		var bot string
		if err := rows.Scan(&bot); err != nil {
			return nil, failed("listing sessions", err)
		}
		bots = append(bots, bot)
	}
	if err := rows.Err(); err != nil {
		return nil, failed("listing sessions", err)
	}
	return bots, nil
}

// RemoveUser implements [session.Engine].
func (e *Engine) RemoveUser(ctx context.Context, user string) error {
	_, err := e.write(ctx, "removing a user's sessions", statement.RemoveUser, user)
	return err
}

// Sweep implements [session.Engine].
func (e *Engine) Sweep(ctx context.Context, at time.Time, limit int) (int, error) {
	return e.write(ctx, "sweeping sessions", sweep, at.UnixMicro(), limit)
}

// Ready implements [session.Engine].
func (e *Engine) Ready(ctx context.Context) error {
	var n int
	if err := e.reader.QueryRowContext(ctx, statement.Ready).Scan(&n); err != nil {
		return failed("reading sessions", err)
	}
	return nil
}
