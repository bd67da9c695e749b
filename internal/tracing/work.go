package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/event"
)

// Work begins the span of what a request left to be done later, which named its own as the traceparent; empty for none.
// It is a trace of its own, with a link. The caller ends it. A nil tracer makes none.
func Work(ctx context.Context, tracer trace.Tracer, name, traceParent string) (context.Context, trace.Span) {
	if tracer == nil {
		return ctx, none
	}
	opts := []trace.SpanStartOption{trace.WithNewRoot()}
	if asked := Parse(traceParent); asked.IsValid() {
		opts = linked(asked)
	}
	return tracer.Start(ctx, name, append(opts, trace.WithSpanKind(trace.SpanKindInternal))...)
}

// PutBody begins the span of keeping a body of so many bytes in the blob store; the caller ends it.
func PutBody(ctx context.Context, size int64) (context.Context, trace.Span) {
	ctx, span := Child(ctx, "put blob", trace.SpanKindClient)
	return ctx, sized(span, size)
}

// FetchBody begins the span of getting the body of an event, of so many bytes, from the blob store, for a group of
// consumers. There is one only where the event is sampled; the caller ends it.
func (m *Messaging) FetchBody(
	ctx context.Context, e *event.Event, a Attempt, group string, size int64,
) (context.Context, trace.Span) {
	if m == nil || !Sampled(e.TraceParent).IsValid() {
		return ctx, none
	}
	ctx, opts := placeOf(ctx, e, a)
	ctx, span := m.tracer.Start(ctx, "get blob", append(opts, trace.WithSpanKind(trace.SpanKindClient))...)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("cloudevents.event_id", e.ID), attribute.String("botgate.bot", e.Bot),
			attribute.String("messaging.consumer.group.name", group))
	}
	return ctx, sized(span, size)
}

func sized(span trace.Span, size int64) trace.Span {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int64("botgate.blob.size", size))
	}
	return span
}

// Drained notes that a spool, whose first event left it at a time, is empty after so many. Each event keeps the context
// of its publish, so the span has no link.
func (m *Messaging) Drained(began time.Time, events int) {
	if m == nil {
		return
	}
	_, span := m.tracer.Start(context.Background(), "drain botgate.spool", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("messaging.system", m.system), attribute.Int("messaging.batch.message_count", events))
	}
	span.End()
}
