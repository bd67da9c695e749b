package session

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
)

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

var _ Engine = (*SQL)(nil)

// SQL is an [Engine] in tables of a PostgreSQL or SQLite database.
type SQL struct{ migration.Tables }

// NewSQL returns the sessions in a database. It does not connect. Migrate has to succeed before
// anything else can. The logger may be nil.
func NewSQL(db sqldb.DB, log *slog.Logger) *SQL {
	return &SQL{migration.NewTables("sessions", migrationFiles, db, log, ErrUnavailable)}
}

// Load implements [Engine].
func (e *SQL) Load(ctx context.Context, key Key, at time.Time) (*Session, error) {
	s := &Session{Key: key}
	var updated, expires int64
	err := e.DB.Reader.QueryRowContext(ctx,
		`select version, data, updated_at, expires_at from sessions where subject = $1 and bot = $2 and expires_at > $3`,
		key.User, key.Bot, at.UnixMicro()).
		Scan(&s.Version, (*[]byte)(&s.Data), &updated, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	s.UpdatedAt, s.ExpiresAt = time.UnixMicro(updated).UTC(), time.UnixMicro(expires).UTC()
	return s, e.Failed("reading a session", err)
}

// Store implements [Engine].
func (e *SQL) Store(ctx context.Context, next *Session, was string) error {
	updated, expires := next.UpdatedAt.UnixMicro(), next.ExpiresAt.UnixMicro()
	args := []any{next.User, next.Bot, next.Version, []byte(next.Data), updated, expires}
	if was == "" {
		// An expired session does not count.
		return e.changeOne(ctx, "writing a session", `
insert into sessions (subject, bot, version, data, updated_at, expires_at) values ($1, $2, $3, $4, $5, $6)
on conflict (subject, bot) do update set
	version = excluded.version, data = excluded.data, updated_at = excluded.updated_at, expires_at = excluded.expires_at
where sessions.expires_at <= excluded.updated_at`, args...)
	}
	return e.changeOne(ctx, "writing a session", `
update sessions set version = $3, data = $4, updated_at = $5, expires_at = $6
where subject = $1 and bot = $2 and version = $7`, append(args, was)...)
}

// Remove implements [Engine].
func (e *SQL) Remove(ctx context.Context, key Key, was string) error {
	return e.changeOne(ctx, "removing a session",
		`delete from sessions where subject = $1 and bot = $2 and version = $3`, key.User, key.Bot, was)
}

// changeOne returns ErrConflict when the statement changes no row.
func (e *SQL) changeOne(ctx context.Context, action, query string, args ...any) error {
	n, err := sqldb.Exec(ctx, e.DB.Writer, query, args...)
	if err == nil && n == 0 {
		return ErrConflict
	}
	return e.Failed(action, err)
}

// Bots implements [Engine].
func (e *SQL) Bots(ctx context.Context, user string) ([]string, error) {
	bots, err := sqldb.Query(ctx, e.DB.Reader, sqldb.Text, `select bot from sessions where subject = $1`, user)
	return bots, e.Failed("listing sessions", err)
}

// RemoveUser implements [Engine].
func (e *SQL) RemoveUser(ctx context.Context, user string) error {
	_, err := e.DB.Writer.ExecContext(ctx, `delete from sessions where subject = $1`, user)
	return e.Failed("removing a user's sessions", err)
}

// Sweep implements [Engine]. It skips rows that a writer or another sweep has locked, and
// checks again those that were written since they were selected.
func (e *SQL) Sweep(ctx context.Context, at time.Time, limit int) (int, error) {
	n, err := sqldb.Exec(ctx, e.DB.Writer, `
delete from sessions where (subject, bot) in (
	select subject, bot from sessions where expires_at <= $1 order by expires_at limit $2`+e.DB.Dialect.SkipLocked()+`)
and expires_at <= $1`, at.UnixMicro(), limit)
	return n, e.Failed("sweeping sessions", err)
}
