package migration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// postgresLock is the advisory lock of all Botgate backends: "botgate" in ASCII.
	postgresLock = 0x626f7467617465

	postgresTable = ` (
	version    integer primary key,
	name       text not null,
	checksum   text not null,
	applied_at timestamptz not null default now()
)`
)

// Beginner starts transactions; a pool does.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Querier reads; a pool does.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Postgres applies what is missing, one process at a time, and all of it or nothing. It has
// no time limit of its own, since a migration may rewrite a large table. An error is
// ErrSchema, or the driver's.
func (s Set) Postgres(ctx context.Context, db Beginner, log *slog.Logger) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return s.postgres(ctx, tx, log) })
}

func (s Set) postgres(ctx context.Context, tx pgx.Tx, log *slog.Logger) error {
	if _, err := tx.Exec(ctx, "set local statement_timeout = 0"); err != nil {
		return err
	}
	// The lock of a transaction, unlike that of a session, passes connection poolers.
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(postgresLock)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "create table if not exists "+s.table+postgresTable); err != nil {
		return err
	}
	pending, err := s.PostgresPending(ctx, tx)
	if err != nil {
		return err
	}
	for _, m := range pending {
		if err := s.postgresApply(ctx, tx, m); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		log.Info("applied a migration", "table", s.table, "schema_version", m.Version)
	}
	return nil
}

func (s Set) postgresApply(ctx context.Context, tx pgx.Tx, m Migration) error {
	if _, err := tx.Exec(ctx, m.SQL); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "insert into "+s.table+" (version, name, checksum) values ($1, $2, $3)",
		m.Version, m.Name, m.Checksum)
	return err
}

// PostgresPending returns what the database still needs: all of it when it is new. An error
// is ErrSchema, or the driver's.
func (s Set) PostgresPending(ctx context.Context, db Querier) ([]Migration, error) {
	// ForEachRow returns the error of Query as well.
	rows, _ := db.Query(ctx, "select version, checksum from "+s.table)
	applied := map[int]string{}
	var version int
	var checksum string
	_, err := pgx.ForEachRow(rows, []any{&version, &checksum}, func() error {
		applied[version] = checksum
		return nil
	})
	if missing := (*pgconn.PgError)(nil); errors.As(err, &missing) && missing.Code == "42P01" {
		return s.pending(nil) // undefined_table
	}
	if err != nil {
		return nil, err
	}
	return s.pending(applied)
}
