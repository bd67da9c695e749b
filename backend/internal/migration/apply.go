package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/botgate/botgate/backend/internal/sqldb"
)

const (
	// postgresLock is the advisory lock of all Botgate backends: "botgate" in ASCII.
	postgresLock = 0x626f7467617465

	columns = ` (
	version     integer primary key,
	name        text not null,
	checksum    text not null,
	applied_at  bigint not null,
	min_program integer
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

// apply makes the list of applied migrations first, in a transaction of its own: processes of an
// older program read it while a migration takes its time.
func (t Tables) apply(ctx context.Context) error {
	if err := t.locked(ctx, t.makeList); err != nil {
		return err
	}
	return t.locked(ctx, t.applyPending)
}

// locked works in a transaction, one process at a time. It waits for the lock of a SQLite file as
// long as the pragmas of the handle say.
func (t Tables) locked(ctx context.Context, work func(context.Context, *sql.Tx) error) error {
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
	if err := work(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// makeList makes the list, or adds what those of older programs lack. Rows that have no min_program
// are of migrations that a program has to know.
func (t Tables) makeList(ctx context.Context, tx *sql.Tx) error {
	has, err := t.listColumns(ctx, tx)
	switch {
	case err != nil:
		return err
	case len(has) == 0:
		_, err = tx.ExecContext(ctx, "create table "+t.table()+columns)
	case !slices.Contains(has, "min_program"):
		_, err = tx.ExecContext(ctx, "alter table "+t.table()+" add column min_program integer")
	}
	return err
}

func (t Tables) applyPending(ctx context.Context, tx *sql.Tx) error {
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
			"insert into "+t.table()+" (version, name, checksum, applied_at, min_program) values ($1, $2, $3, $4, $5)",
			v.number, v.name, v.checksum, time.Now().UnixMicro(), v.minProgram)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		t.log.Info("applied a migration", "table", t.table(), "schema_version", v.number)
	}
	return nil
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

// pending returns what the database lacks. Those of older programs have no min_program in their
// list, and new ones no list.
func (t Tables) pending(ctx context.Context, db sqldb.Querier) ([]version, error) {
	has, err := t.listColumns(ctx, db)
	if err != nil || len(has) == 0 {
		return t.all, err
	}
	minProgram := "version"
	if slices.Contains(has, "min_program") {
		minProgram = "coalesce(min_program, version)"
	}
	list, err := sqldb.Query(ctx, db, func(rows *sql.Rows) (a applied, err error) {
		err = rows.Scan(&a.number, &a.checksum, &a.minProgram)
		return a, err
	}, "select version, checksum, "+minProgram+" from "+t.table())
	if err != nil {
		return nil, err
	}
	return missing(t.all, list)
}

// listColumns returns the columns of the list of applied migrations, none where there is no list.
func (t Tables) listColumns(ctx context.Context, db sqldb.Querier) ([]string, error) {
	query := "select name from pragma_table_info('" + t.table() + "')"
	if t.DB.Dialect == sqldb.Postgres {
		query = "select attname::text from pg_attribute where attrelid = to_regclass('" + t.table() + "') and attnum > 0 and not attisdropped"
	}
	return sqldb.Query(ctx, db, sqldb.Text, query)
}
