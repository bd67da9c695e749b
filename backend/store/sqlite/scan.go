package sqlite

import (
	"context"
	"math"
	"time"

	"github.com/botgate/botgate/backend/internal/slowsql"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqltrace"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

// read is [sqlstore.Base.Read].
func (s *Store) read(ctx context.Context, read func(context.Context, sqlstore.Query) error) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return read(ctx, query(s.reader, s.slow))
}

// query runs queries on a pool or in a transaction, and logs those that take long.
func query(db sqldb.Querier, slow *slowsql.Log) sqlstore.Query {
	return func(ctx context.Context, read func(sqlstore.Rows) error, query string, args ...any) (err error) {
		began := time.Now()
		ctx, span := sqltrace.Start(ctx, sqltrace.SQLite, query, 1)
		defer func() {
			slow.Took(query, time.Since(began))
			sqltrace.End(span, err)
		}()
		rows, err := db.QueryContext(ctx, query, inMicros(args)...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		if err := read(rows); err != nil {
			return err
		}
		return rows.Err()
	}
}

// inMicros returns arguments with times as the columns have them.
func inMicros(args []any) []any {
	converted := make([]any, len(args))
	for i, arg := range args {
		if at, ok := arg.(time.Time); ok {
			arg = micros(at)
		}
		converted[i] = arg
	}
	return converted
}

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// micros converts the time of a query. Times that no event can have are brought into range.
func micros(t time.Time) int64 {
	switch year := t.Year(); {
	case year < 0:
		return math.MinInt64
	case year > 9999:
		return math.MaxInt64
	}
	return t.UnixMicro()
}
