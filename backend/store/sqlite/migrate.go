package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"time"

	"github.com/botgate/botgate/backend/store/internal/migration"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load(files)

const versionTable = `create table if not exists schema_migrations (
	version    integer primary key,
	name       text not null,
	checksum   text not null,
	applied_at integer not null
) strict`

// migrate applies what is missing. A file that another process keeps locked is waited for
// until the context ends: a backend that is about to end, as at a reload, may write what it
// has first.
func (s *Store) migrate(ctx context.Context) error {
	for {
		err := s.migrateOnce(ctx)
		if !isBusy(err) || ctx.Err() != nil {
			return err
		}
	}
}

// migrateOnce waits for the lock as long as the pragmas say. The transaction starts as a
// writer's, so that processes that start together do it one after the other.
func (s *Store) migrateOnce(ctx context.Context) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	applied, err := appliedVersions(ctx, tx)
	if err != nil {
		return classify(err)
	}
	pending, err := migration.Pending(migrations, applied)
	if err != nil {
		return err
	}
	for _, m := range pending {
		if err := apply(ctx, tx, m); err != nil {
			return classify(err)
		}
	}
	if err := tx.Commit(); err != nil {
		return classify(err)
	}
	return nil
}

func appliedVersions(ctx context.Context, tx *sql.Tx) (map[int]string, error) {
	if _, err := tx.ExecContext(ctx, versionTable); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, "select version, checksum from schema_migrations")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	applied := map[int]string{}
	for rows.Next() {
		var version int
		var checksum string
		if err := rows.Scan(&version, &checksum); err != nil {
			return nil, err
		}
		applied[version] = checksum
	}
	return applied, rows.Err()
}

func apply(ctx context.Context, tx *sql.Tx, m migration.Migration) error {
	if _, err := tx.ExecContext(ctx, m.SQL); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx,
		"insert into schema_migrations (version, name, checksum, applied_at) values ($1, $2, $3, $4)",
		m.Version, m.Name, m.Checksum, time.Now().UnixMicro())
	return err
}
