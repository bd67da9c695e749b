// Package sqldb is how parts of the backend keep tables of their own in the database of a
// store: through database/sql, for PostgreSQL and SQLite alike. Parameters are $1, $2 in both,
// and times are kept as microseconds since 1970, UTC.
package sqldb

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// Dialect says whose SQL a database speaks.
type Dialect string

// The dialects, which are also the names of the folders of their migrations.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// SkipLocked is what ends a subquery whose rows are to be changed, so that two processes that
// do so at once pass over each other's rows. SQLite has one writer at a time.
func (d Dialect) SkipLocked() string {
	if d == Postgres {
		return " for update skip locked"
	}
	return ""
}

// DB is a database. Its handles stay the store's to close.
type DB struct {
	Dialect Dialect
	// Writer changes and Reader reads; they may be the same. Of SQLite, the writer is a pool of
	// one connection whose transactions start as a writer's (_txlock=immediate). Of PostgreSQL,
	// both are the primary: what was written is read at once.
	Writer, Reader *sql.DB
}

// FromPool returns the PostgreSQL database that a pool is connected to. Closing its Writer does
// not close the pool.
func FromPool(pool *pgxpool.Pool) DB {
	db := stdlib.OpenDBFromPool(pool)
	return DB{Dialect: Postgres, Writer: db, Reader: db}
}

// Executor runs statements; [sql.DB] and [sql.Tx] do.
type Executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Exec runs a statement and returns how many rows it changed.
func Exec(ctx context.Context, db Executor, query string, args ...any) (int, error) {
	result, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// Querier reads rows; [sql.DB] and [sql.Tx] do.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Query returns what scan makes of each row.
func Query[T any](ctx context.Context, db Querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// Text scans rows of one text.
func Text(rows *sql.Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}
