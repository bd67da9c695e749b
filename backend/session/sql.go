package session

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
)

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

var migrations = migration.LoadAll("session", migrationFiles)

var _ Engine = (*SQL)(nil)

// SQL is an [Engine] in a table of a PostgreSQL or SQLite database. It has no connections of
// its own, so there is nothing to close.
type SQL struct {
	db  sqldb.DB
	log *slog.Logger
}

// NewSQL returns the sessions in a database. It does not connect. [SQL.Migrate] has to succeed
// before anything else can. The logger may be nil.
func NewSQL(db sqldb.DB, log *slog.Logger) *SQL {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &SQL{db: db, log: log}
}

// Migrate makes the table, or brings it up to date. It returns ErrUnavailable while the
// database can't be reached; any other error stays until an operator acts.
func (e *SQL) Migrate(ctx context.Context) error {
	return failed("preparing the table of sessions", migrations[e.db.Dialect].Apply(ctx, e.db, e.log))
}

// Ready implements [Engine].
func (e *SQL) Ready(ctx context.Context) error {
	return failed("reading the version of the table of sessions", migrations[e.db.Dialect].Check(ctx, e.db))
}

// failed makes every error of the database ErrUnavailable, as no session is itself the reason.
func failed(action string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, migration.ErrSchema):
		return fmt.Errorf("%s: %w", action, err)
	}
	return fmt.Errorf("%s: %w: %w", action, ErrUnavailable, err)
}

// Load implements [Engine].
func (e *SQL) Load(ctx context.Context, key Key, at time.Time) (*Session, error) {
	s := &Session{Key: key}
	var updated, expires int64
	err := e.db.Reader.QueryRowContext(ctx,
		`select version, data, updated_at, expires_at from sessions where subject = $1 and bot = $2 and expires_at > $3`,
		key.User, key.Bot, at.UnixMicro()).
		Scan(&s.Version, &s.Data, &updated, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	s.UpdatedAt, s.ExpiresAt = time.UnixMicro(updated).UTC(), time.UnixMicro(expires).UTC()
	return s, failed("reading a session", err)
}

// Store implements [Engine].
func (e *SQL) Store(ctx context.Context, next *Session, was string) error {
	args := []any{next.User, next.Bot, next.Version, next.Data, next.UpdatedAt.UnixMicro(), next.ExpiresAt.UnixMicro()}
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
	return e.changeOne(ctx, "removing a session", `delete from sessions where subject = $1 and bot = $2 and version = $3`, key.User, key.Bot, was)
}

// changeOne returns ErrConflict when the statement changes no row.
func (e *SQL) changeOne(ctx context.Context, action, query string, args ...any) error {
	n, err := sqldb.Exec(ctx, e.db.Writer, query, args...)
	if err == nil && n == 0 {
		return ErrConflict
	}
	return failed(action, err)
}

// Bots implements [Engine].
func (e *SQL) Bots(ctx context.Context, user string) ([]string, error) {
	bots, err := sqldb.Query(ctx, e.db.Reader, sqldb.Text, `select bot from sessions where subject = $1`, user)
	return bots, failed("listing sessions", err)
}

// RemoveUser implements [Engine].
func (e *SQL) RemoveUser(ctx context.Context, user string) error {
	_, err := e.db.Writer.ExecContext(ctx, `delete from sessions where subject = $1`, user)
	return failed("removing a user's sessions", err)
}

// Sweep implements [Engine]. It skips rows that a writer or another sweep has locked, and
// checks again those that were written since they were selected.
func (e *SQL) Sweep(ctx context.Context, at time.Time, limit int) (int, error) {
	n, err := sqldb.Exec(ctx, e.db.Writer, `
delete from sessions where (subject, bot) in (
	select subject, bot from sessions where expires_at <= $1 order by expires_at limit $2`+e.db.Dialect.SkipLocked()+`)
and expires_at <= $1`, at.UnixMicro(), limit)
	return n, failed("sweeping sessions", err)
}
