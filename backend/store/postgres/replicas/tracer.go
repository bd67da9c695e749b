package replicas

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/internal/slowsql"
)

// batchNamed is how many statements of a batch are in its name.
const batchNamed = 8

// tracer is what pgx calls around statements.
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
	began time.Time
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
	if t.slow == nil {
		return ctx
	}
	s.began = time.Now()
	return context.WithValue(ctx, statementKey{}, s)
}

func (t tracer) end(ctx context.Context) {
	s, ok := ctx.Value(statementKey{}).(statement)
	if took := time.Since(s.began); ok && t.slow.IsSlow(took) {
		t.slow.Took(s.text(), took)
	}
}

// TraceQueryStart implements [pgx.QueryTracer].
func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return t.start(ctx, statement{sql: data.SQL})
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (t tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) { t.end(ctx) }

// TraceBatchStart implements [pgx.BatchTracer].
func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	return t.start(ctx, statement{batch: data.Batch})
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements [pgx.BatchTracer].
func (t tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) { t.end(ctx) }
