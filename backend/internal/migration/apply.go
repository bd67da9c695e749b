package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// Migrate makes the tables, or brings them up to date: one process at a time, and all of it or
// nothing. It has to succeed before anything else can. It has no time limit, since a migration may
// rewrite a large table. A SQLite file that another process keeps locked is waited for until the
// context ends: a backend that is about to end, as at a reload, may write what it has first.
//
// An error that is not the part's error of an unavailable database, as of a schema newer than the
// program, stays until an operator acts.
func (t Tables) Migrate(ctx context.Context) error {
	// Nearly always nothing is to be done, and a file that somebody else writes need not be waited for.
	if pending, err := t.pending(ctx, t.DB.Reader); err == nil && len(pending) == 0 {
		return nil
	}
	for {
		err := t.apply(ctx)
		busy := (*driver.Error)(nil)
		if !errors.As(err, &busy) || busy.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil {
			return t.Failed("preparing the tables of the "+t.part, err)
		}
	}
}

// apply waits for the lock of a SQLite file as long as the pragmas of the handle say.
func (t Tables) apply(ctx context.Context) error {
	tx, err := t.DB.Writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if t.DB.Dialect == sqldb.Postgres {
		// The lock of a transaction, unlike that of a session, passes connection poolers.
		lock := fmt.Sprintf("select pg_advisory_xact_lock(%d)", postgresLock)
		for _, query := range []string{"set local statement_timeout = 0", lock} {
			if _, err := tx.ExecContext(ctx, query); err != nil {
				return err
			}
		}
	}
	if _, err := tx.ExecContext(ctx, "create table if not exists "+t.table()+columns); err != nil {
		return err
	}
	pending, err := t.pending(ctx, tx)
	if err != nil {
		return err
	}
	for _, v := range pending {
		if _, err := tx.ExecContext(ctx, v.sql); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		//nolint:gosec // The name of the table is the program's.
		_, err := tx.ExecContext(ctx,
			"insert into "+t.table()+" (version, name, checksum, applied_at) values ($1, $2, $3, $4)",
			v.number, v.name, v.checksum, time.Now().UnixMicro())
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		t.log.Info("applied a migration", "table", t.table(), "schema_version", v.number)
	}
	return tx.Commit()
}

func (t Tables) table() string { return t.part + "_migrations" }

// Ready returns nil when the tables are up to date.
func (t Tables) Ready(ctx context.Context) error {
	pending, err := t.pending(ctx, t.DB.Reader)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("%s lacks version %d", t.table(), pending[0].number)
	}
	return t.Failed("reading the schema version of the "+t.part, err)
}

func (t Tables) pending(ctx context.Context, db sqldb.Querier) ([]version, error) {
	applied := map[int]string{}
	_, err := sqldb.Query(ctx, db, func(rows *sql.Rows) (none struct{}, err error) {
		var number int
		var checksum string
		err = rows.Scan(&number, &checksum)
		applied[number] = checksum
		return none, err
	}, "select version, checksum from "+t.table())
	if undefined := (*pgconn.PgError)(nil); errors.As(err, &undefined) && undefined.Code == "42P01" { // undefined_table
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return missing(t.all, applied)
}
