package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/botgate/botgate/backend/store/internal/migration"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load(files)

const (
	// migrationLock is the advisory lock of all Botgate backends: "botgate" in ASCII.
	migrationLock = 0x626f7467617465

	versionTable = `create table if not exists schema_migrations (
	version    integer primary key,
	name       text not null,
	checksum   text not null,
	applied_at timestamptz not null default now()
)`
)

// Migrate brings the schema up to date, one process at a time and all versions or
// none. It returns ErrUnavailable while the server can't be reached; any other error
// stays until an operator acts, as when the schema is newer than the program. It has
// no time limit of its own, since a migration may rewrite a large table.
func (s *Store) Migrate(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.migrate(ctx, tx) })
	switch {
	case errors.Is(err, migration.ErrSchema):
		return err
	case err != nil:
		return fmt.Errorf("migrating the database: %w", classify(err))
	}
	return nil
}

func (s *Store) migrate(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "set local statement_timeout = 0"); err != nil {
		return err
	}
	// The lock of a transaction, unlike that of a session, passes connection poolers.
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, versionTable); err != nil {
		return err
	}
	applied, err := appliedVersions(ctx, tx)
	if err != nil {
		return err
	}
	pending, err := migration.Pending(migrations, applied)
	if err != nil {
		return err
	}
	for _, m := range pending {
		if err := apply(ctx, tx, m); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		s.log.Info("applied a migration", slog.Int("schema_version", m.Version))
	}
	return nil
}

func apply(ctx context.Context, tx pgx.Tx, m migration.Migration) error {
	if _, err := tx.Exec(ctx, m.SQL); err != nil {
		return err
	}
	_, err := tx.Exec(ctx,
		"insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
		m.Version, m.Name, m.Checksum)
	return err
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// appliedVersions returns no versions for a database without a schema.
func appliedVersions(ctx context.Context, q querier) (map[int]string, error) {
	// ForEachRow returns the error of Query as well.
	rows, _ := q.Query(ctx, "select version, checksum from schema_migrations")
	applied := map[int]string{}
	var version int
	var checksum string
	_, err := pgx.ForEachRow(rows, []any{&version, &checksum}, func() error {
		applied[version] = checksum
		return nil
	})
	if missing := (*pgconn.PgError)(nil); errors.As(err, &missing) && missing.Code == "42P01" {
		return nil, nil // undefined_table
	}
	return applied, err
}
