// Package sqlstore is what store/postgres and store/sqlite have in common: the calls whose
// statements are the same in both, and parts of the other statements.
package sqlstore

import (
	"context"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// Base has the methods of an engine that are the same on both databases. Times are arguments as
// [time.Time], and are scanned by [UTC].
type Base struct {
	// Read calls read with a database, perhaps again with another server. The context may be one
	// of [store.Fresh].
	Read func(ctx context.Context, read func(context.Context, Query) error) error
	// Exclusively runs first, unless it is nil, and then a statement with each row of arguments:
	// in one transaction, while no Append runs.
	Exclusively func(ctx context.Context, first func(context.Context) error, statement string, rows ...[]any) error
	// Classify marks every error but those of the data as [store.ErrUnavailable].
	Classify func(error) error

	// SelectTime finds the time of the event $1, whose acceptance was recorded.
	SelectTime string
	// SelectRows reads, by [ScanWithBody], the rows of the event $2 with the time $1: the
	// acceptance and then the changes as they happened. Bodies behind the first $3 may be null.
	SelectRows string
	// Page reads a page of a list, whose query has one status at most where it is [ByStatus].
	Page func(ctx context.Context, db Query, q store.Query) (*store.Page, error)
	// EdgeQuery finds the time of the n-th row of the index from the start of a list on.
	EdgeQuery func(q store.Query, n int) (string, []any)
	// Step is the expression for the beginning of the step that a minute is in.
	Step func(step time.Duration) string
	// CountQuery counts the events with the status $1, at most $2.
	CountQuery string
	// LogQuery returns the query for a page of the log; [ScanWithBody] reads it.
	LogQuery func(store.LogQuery) (string, []any)
}

// Row is a row of a result.
type Row interface{ Scan(dest ...any) error }

// Rows are a result.
type Rows interface {
	Row
	Next() bool
	Err() error
}

// Query runs a query on a database and calls read with the result.
type Query func(ctx context.Context, read func(Rows) error, query string, args ...any) error

// All returns what scan makes of each row.
func All[T any](
	ctx context.Context, db Query, scan func(Row) (T, error), query string, args ...any,
) (all []T, err error) {
	err = db(ctx, func(rows Rows) error {
		for rows.Next() {
			one, err := scan(rows)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return rows.Err()
	}, query, args...)
	return all, err
}

// read is All for one query.
func read[T any](
	ctx context.Context, b *Base, scan func(Row) (T, error), query string, args ...any,
) (all []T, err error) {
	err = b.Read(ctx, func(ctx context.Context, db Query) error {
		all, err = All(ctx, db, scan, query, args...)
		return err
	})
	return all, err
}
