package replicas

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/backend/internal/slowsql"
	"github.com/botgate/botgate/backend/internal/sqltrace"
	"github.com/botgate/botgate/internal/tracing"
)

// batchNamed is how many statements of a batch are in its name.
const batchNamed = 8

// tracer is what pgx calls around statements: those that take long are logged, and those of a recorded span are spans
// below it. What pgx does beside them, such as to prepare one, is neither.
type tracer struct {
	slow *slowsql.Log
}

var (
	_ pgx.QueryTracer = tracer{}
	_ pgx.BatchTracer = tracer{}
)

// statement is one that runs, or a batch of several, in its context.
type statement struct {
	sql   string
	batch *pgx.Batch // Nil for a single one.
	size  int        // Of the batch, or how many rows are copied; 0 for one.
	began time.Time
	span  trace.Span // Nil where none is recorded.
}

// text is the statement, or the first of a batch.
func (s statement) text() string {
	if s.batch == nil {
		return s.sql
	}
	var texts []string
	for _, query := range s.batch.QueuedQueries[:min(batchNamed, s.batch.Len())] {
		texts = append(texts, query.SQL)
	}
	return strings.Join(texts, ";\n")
}

type statementKey struct{}

func (t tracer) start(ctx context.Context, s statement) context.Context {
	recorded := tracing.Recording(ctx) != nil
	if t.slow == nil && !recorded {
		return ctx
	}
	s.began = time.Now()
	if recorded {
		ctx, s.span = sqltrace.Start(ctx, sqltrace.Postgres, s.text(), s.size)
	}
	return context.WithValue(ctx, statementKey{}, s)
}

func (t tracer) end(ctx context.Context, err error) {
	s, ok := ctx.Value(statementKey{}).(statement)
	if !ok {
		return
	}
	if took := time.Since(s.began); t.slow.IsSlow(took) {
		t.slow.Took(s.text(), took)
	}
	if s.span != nil {
		sqltrace.End(s.span, err)
	}
}

// Copy runs a COPY of so many rows, which pgx calls nothing around where it is not its own.
func (c *Cluster) Copy(ctx context.Context, sql string, rows int, run func(context.Context) error) error {
	t := tracer{c.slow}
	ctx = t.start(ctx, statement{sql: sql, size: rows})
	err := run(ctx)
	t.end(ctx, err)
	return err
}

// TraceQueryStart implements [pgx.QueryTracer].
func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return t.start(ctx, statement{sql: data.SQL})
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (t tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.end(ctx, data.Err)
}

// TraceBatchStart implements [pgx.BatchTracer].
func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	return t.start(ctx, statement{batch: data.Batch, size: data.Batch.Len()})
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements [pgx.BatchTracer].
func (t tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.end(ctx, data.Err)
}
