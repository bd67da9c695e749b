package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/botgate/botgate/backend/internal/sqldb"
)

const (
	// postgresLock is the advisory lock of all Botgate backends: "botgate" in ASCII.
	postgresLock = 0x626f7467617465

	columns = ` (
	version    integer primary key,
	name       text not null,
	checksum   text not null,
	applied_at bigint not null
)`
)

// Apply applies what is missing, one process at a time, and all of it or nothing. It has no
// time limit, since a migration may rewrite a large table. A SQLite file that another process
// keeps locked is waited for until the context ends: a backend that is about to end, as at a
// reload, may write what it has first.
//
// An error is ErrSchema, or the driver's.
func (s Set) Apply(ctx context.Context, db sqldb.DB, log *slog.Logger) error {
	for {
		err := s.applyOnce(ctx, db, log)
		busy := (*driver.Error)(nil)
		if !errors.As(err, &busy) || busy.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil {
			return err
		}
	}
}

// applyOnce waits for the lock of a SQLite file as long as the pragmas of the handle say.
func (s Set) applyOnce(ctx context.Context, db sqldb.DB, log *slog.Logger) error {
	tx, err := db.Writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if db.Dialect == sqldb.Postgres {
		// The lock of a transaction, unlike that of a session, passes connection poolers.
		for _, query := range []string{"set local statement_timeout = 0", fmt.Sprintf("select pg_advisory_xact_lock(%d)", postgresLock)} {
			if _, err := tx.ExecContext(ctx, query); err != nil {
				return err
			}
		}
	}
	if _, err := tx.ExecContext(ctx, "create table if not exists "+s.table+columns); err != nil {
		return err
	}
	pending, err := s.missing(ctx, tx)
	if err != nil {
		return err
	}
	for _, m := range pending {
		if err := s.apply(ctx, tx, m); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		log.Info("applied a migration", "table", s.table, "schema_version", m.Version)
	}
	return tx.Commit()
}

func (s Set) apply(ctx context.Context, tx *sql.Tx, m Migration) error {
	if _, err := tx.ExecContext(ctx, m.SQL); err != nil {
		return err
	}
	//nolint:gosec // The name of the table is the program's.
	_, err := tx.ExecContext(ctx, "insert into "+s.table+" (version, name, checksum, applied_at) values ($1, $2, $3, $4)",
		m.Version, m.Name, m.Checksum, time.Now().UnixMicro())
	return err
}

// Check returns nil when the database has all of it. An error is ErrSchema, the driver's, or
// says what is missing.
func (s Set) Check(ctx context.Context, db sqldb.DB) error {
	pending, err := s.missing(ctx, db.Reader)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("%s lacks version %d", s.table, pending[0].Version)
	}
	return err
}

func (s Set) missing(ctx context.Context, db sqldb.Querier) ([]Migration, error) {
	type row struct {
		version  int
		checksum string
	}
	rows, err := sqldb.Query(ctx, db, func(rows *sql.Rows) (r row, err error) {
		err = rows.Scan(&r.version, &r.checksum)
		return r, err
	}, "select version, checksum from "+s.table)
	if missing := (*pgconn.PgError)(nil); errors.As(err, &missing) && missing.Code == "42P01" {
		return s.pending(nil) // undefined_table
	}
	if err != nil {
		return nil, err
	}
	applied := map[int]string{}
	for _, r := range rows {
		applied[r.version] = r.checksum
	}
	return s.pending(applied)
}
