// Package sqltrace makes spans of statements, which have the names that they have in the log of slow ones, and no text.
package sqltrace

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/backend/internal/slowsql"
	"github.com/botgate/botgate/internal/tracing"
)

// System is whose statements they are, in OpenTelemetry's words.
type System string

// The systems.
const (
	Postgres System = "postgresql"
	SQLite   System = "sqlite"
)

// Start begins the span of a statement, where the context's is recorded. A batch is the text of its statements, or one
// with many rows, and has a size above 1. [End] ends it.
func Start(ctx context.Context, system System, statement string, size int) (context.Context, trace.Span) {
	if tracing.Recording(ctx) == nil {
		return tracing.Child(ctx, "", trace.SpanKindClient)
	}
	name := slowsql.Name(statement)
	ctx, span := tracing.Child(ctx, name, trace.SpanKindClient)
	operation, tables, _ := strings.Cut(name, " ")
	span.SetAttributes(attribute.String("db.system.name", string(system)),
		attribute.String("db.operation.name", operation), attribute.String("db.query.summary", name))
	if tables != "" && !strings.Contains(tables, " ") {
		span.SetAttributes(attribute.String("db.collection.name", tables))
	}
	if size > 1 {
		span.SetAttributes(attribute.Int("db.operation.batch.size", size))
	}
	return ctx, span
}

// End ends a span by what came of the statement. Of an error it has the server's code.
func End(span trace.Span, err error) {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		tracing.Fail(span, refused.Code)
	} else if err != nil {
		tracing.Fail(span, tracing.CauseOf(err))
	}
	span.End()
}
