package tracing

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/botgate/botgate/internal/event"
)

// operation is something that is done with a queue.
type operation struct {
	// span is the name of its spans, and kind theirs.
	span string
	kind []trace.SpanStartOption
	// name, typ and destination are the attributes of messaging.
	name, typ, destination string
}

func newOperation(name, typ, destination string, kind trace.SpanKind) operation {
	return operation{name + " " + destination, []trace.SpanStartOption{trace.WithSpanKind(kind)}, name, typ, destination}
}

// All that is done with queues. A batch is published by a client, as each of its events has a producer.
var (
	publishing      = newOperation("publish", "send", "botgate.events", trace.SpanKindProducer)
	publishingBatch = newOperation("publish", "send", "botgate.events", trace.SpanKindClient)
	creating        = newOperation("create", "create", "botgate.events", trace.SpanKindProducer)
	dispatching     = newOperation("process", "process", "botgate.dispatch", trace.SpanKindConsumer)
	recording       = newOperation("process", "process", "botgate.record", trace.SpanKindConsumer)
)

// Messaging makes the spans of what goes through a queue. A nil one makes none, and changes nothing.
type Messaging struct {
	tracer trace.Tracer
	system string
}

// NewMessaging returns what makes the spans of the queue at an address; nil without a tracer.
func NewMessaging(tracer trace.Tracer, queueURL string) *Messaging {
	if tracer == nil {
		return nil
	}
	system := "rabbitmq"
	if strings.HasPrefix(queueURL, "sqlite:") {
		system = "botgate_sqlite"
	}
	return &Messaging{tracer, system}
}

// start begins a span of an operation.
func (m *Messaging) start(
	ctx context.Context, op operation, more ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	opts := op.kind
	if len(more) > 0 {
		opts = append(slices.Clip(opts), more...)
	}
	ctx, span := m.tracer.Start(ctx, op.span, opts...)
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("messaging.system", m.system),
			attribute.String("messaging.destination.name", op.destination),
			attribute.String("messaging.operation.name", op.name),
			attribute.String("messaging.operation.type", op.typ))
	}
	return ctx, span
}

// none is the span where there is none; ending it does nothing.
var none trace.Span = noop.Span{}

// describe says which event a span is about, without its subject and what is in it.
func describe(span trace.Span, e *event.Event) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		attribute.String("messaging.message.id", e.ID),
		attribute.Int("messaging.message.body.size", len(e.Data)),
		attribute.String("cloudevents.event_id", e.ID),
		attribute.String("cloudevents.event_type", e.Type),
		attribute.String("cloudevents.event_source", e.Source()),
		attribute.String("botgate.bot", e.Bot))
}
