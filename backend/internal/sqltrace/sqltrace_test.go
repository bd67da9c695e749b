package sqltrace_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqltrace"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

func TestSpansSayWhatIsDoneAndNotWithWhat(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewRecorder(t)
	ctx, _ := spans.Start(t.Context(), "request")
	_, none := sqltrace.Start(t.Context(), sqltrace.SQLite, "select 1", 1)
	sqltrace.End(none, errors.New("private"))
	for _, c := range []struct {
		statement string
		size      int
		err       error
	}{
		{"select id from events where bot = 'private'", 1, nil},
		{"insert into events select; insert into users", 3, &pgconn.PgError{Code: "23505", Detail: "private"}},
		{"copy events (id) from stdin binary", 100, context.DeadlineExceeded},
		{"commit", 1, errors.New("private")},
	} {
		_, span := sqltrace.Start(ctx, sqltrace.Postgres, c.statement, c.size)
		sqltrace.End(span, c.err)
	}
	const system = "{db.system.name=postgresql db.operation.name="
	require.Equal(t, []string{
		"select events" + system + "select db.query.summary=select events db.collection.name=events}",
		"!insert events users" + system + "insert db.query.summary=insert events users db.operation.batch.size=3 error.type=23505}",
		"!copy events" + system + "copy db.query.summary=copy events db.collection.name=events db.operation.batch.size=100 error.type=timeout}",
		"!commit" + system + "commit db.query.summary=commit error.type=unavailable}",
	}, spans.Lines())
}
