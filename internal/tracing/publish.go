package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/event"
)

// maxCreated is how many events of a batch have a span of their own.
const maxCreated = 32

// Publish begins the span of handing new events to the queue, and makes the events say where they were created: what
// happens to them later belongs to that. Of a batch each event has a span, up to a number, and the rest shares one.
// The context and the span are those of the whole; the caller ends it.
func (m *Messaging) Publish(ctx context.Context, events ...*event.Event) (context.Context, trace.Span) {
	switch {
	case m == nil:
		return ctx, none
	case len(events) > 1:
		return m.publishBatch(ctx, events)
	}
	ctx, span := m.start(ctx, publishing)
	events[0].TraceParent = TraceParent(span.SpanContext())
	describe(span, events[0])
	return ctx, span
}

func (m *Messaging) publishBatch(ctx context.Context, events []*event.Event) (context.Context, trace.Span) {
	ctx, span := m.start(ctx, publishingBatch)
	sampled, all := span.IsRecording(), TraceParent(span.SpanContext())
	if sampled {
		span.SetAttributes(attribute.Int("messaging.batch.message_count", len(events)))
	}
	for n, e := range events {
		e.TraceParent = all
		if n < maxCreated && sampled {
			_, created := m.start(ctx, creating)
			e.TraceParent = TraceParent(created.SpanContext())
			describe(created, e)
			created.End()
		}
	}
	return ctx, span
}

// Tell begins the span of publishing what became of an event, where the context's span is recorded. The change
// stays as it is: it belongs to where its event was created.
func (m *Messaging) Tell(ctx context.Context, change *event.Event) trace.Span {
	if m == nil || Recording(ctx) == nil {
		return none
	}
	_, span := m.start(ctx, publishing)
	describe(span, change)
	return span
}
