package migration

import (
	"context"
	"database/sql"
	"errors"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const sqliteTable = ` (
	version    integer primary key,
	name       text not null,
	checksum   text not null,
	applied_at integer not null
) strict`

// SQLite applies what is missing, all of it or nothing. Transactions of the handle have to
// start as a writer's (_txlock=immediate), so that processes that start together do it one
// after the other. A file that another process keeps locked is waited for until the context
// ends: a backend that is about to end, as at a reload, may write what it has first.
//
// An error is ErrSchema, or the driver's.
func (s Set) SQLite(ctx context.Context, db *sql.DB) error {
	for {
		err := s.sqliteOnce(ctx, db)
		busy := (*driver.Error)(nil)
		if !errors.As(err, &busy) || busy.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil {
			return err
		}
	}
}

// sqliteOnce waits for the lock as long as the pragmas of the handle say.
func (s Set) sqliteOnce(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	applied, err := s.sqliteApplied(ctx, tx)
	if err != nil {
		return err
	}
	pending, err := s.pending(applied)
	if err != nil {
		return err
	}
	for _, m := range pending {
		if _, err := tx.ExecContext(ctx, m.SQL); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx,
			"insert into "+s.table+" (version, name, checksum, applied_at) values ($1, $2, $3, $4)",
			m.Version, m.Name, m.Checksum, time.Now().UnixMicro()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (s Set) sqliteApplied(ctx context.Context, tx *sql.Tx) (map[int]string, error) {
	if _, err := tx.ExecContext(ctx, "create table if not exists "+s.table+sqliteTable); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, "select version, checksum from "+s.table)
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
