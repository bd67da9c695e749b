package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/botgate/botgate/backend/internal/slowsql"
	"github.com/botgate/botgate/backend/internal/sqltrace"
	"github.com/botgate/botgate/internal/retry"
)

// transaction is a write transaction. No other process writes to the file meanwhile.
type transaction struct {
	*sql.Tx
	slow *slowsql.Log
	// prepared are the statements of the connection that are kept, by their text.
	prepared map[string]*sql.Stmt
	// used are those of this transaction; they are closed with it.
	used map[string]*sql.Stmt
}

// write runs a transaction and commits it, unless run returns an error.
func (s *Store) write(ctx context.Context, run func(*transaction) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := run(&transaction{Tx: tx, slow: s.slow, prepared: s.prepared, used: map[string]*sql.Stmt{}}); err != nil {
		return endError(ctx, err)
	}
	began := time.Now()
	_, span := sqltrace.Start(ctx, sqltrace.SQLite, "commit", 1)
	err = tx.Commit()
	s.slow.Took("commit", time.Since(began))
	sqltrace.End(span, err)
	return endError(ctx, err)
}

// endError returns the context's error if that ended the transaction.
func endError(ctx context.Context, err error) error {
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// statement prepares a query unless the connection keeps it.
func (t *transaction) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if used, ok := t.used[query]; ok {
		return used, nil
	}
	var err error
	stmt := t.prepared[query]
	if stmt != nil {
		stmt = t.StmtContext(ctx, stmt)
	} else if stmt, err = t.PrepareContext(ctx, query); err != nil {
		return nil, err
	}
	t.used[query] = stmt
	return stmt, nil
}

// exec returns how many rows changed.
func (t *transaction) exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := t.statement(ctx, query) //nolint:sqlclosecheck // The transaction closes it.
	if err != nil {
		return 0, err
	}
	began := time.Now()
	result, err := stmt.ExecContext(ctx, args...)
	t.slow.Took(query, time.Since(began))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// QueryContext implements [sqldb.Querier].
func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := t.statement(ctx, query) //nolint:sqlclosecheck // The transaction closes it.
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// row scans the only row of a query; without one, dest stays as it is.
func (t *transaction) row(ctx context.Context, query string, args []any, dest ...any) error {
	rows, err := t.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// inSteps calls step until it was the last one. Each is followed by a pause as long, in which
// other writers get the file.
func inSteps(ctx context.Context, step func() (last bool, err error)) error {
	for {
		began := time.Now()
		if last, err := step(); err != nil || last {
			return err
		}
		if !retry.Sleep(ctx, time.Since(began)) {
			return ctx.Err()
		}
	}
}

// step runs one bounded transaction.
func (s *Store) step(ctx context.Context, run func(context.Context, *transaction) error) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return s.write(ctx, func(t *transaction) error { return run(ctx, t) })
}

// forEach is [sqlstore.Base.Exclusively]. It holds the write lock while first runs, which must not
// write to this store, and says itself how long that may take.
func (s *Store) forEach(ctx context.Context, first func(context.Context) error, statement string, rows ...[]any) error {
	if first == nil {
		var cancel context.CancelFunc
		ctx, cancel = bounded(ctx)
		defer cancel()
	}
	return s.write(ctx, func(t *transaction) error {
		if first != nil {
			if err := first(ctx); err != nil {
				return err
			}
		}
		for _, args := range rows {
			if _, err := t.exec(ctx, statement, inMicros(args)...); err != nil {
				return err
			}
		}
		return nil
	})
}
