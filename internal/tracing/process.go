package tracing

import (
	"context"
	"iter"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/event"
)

const (
	// freshFor is how old an event may be whose first attempt is a step of its publish. Whatever comes later is a
	// trace of its own, with a link: a collector that decides by whole traces does not wait for hours.
	freshFor = time.Minute
	// maxLinks is how many links a span has at most.
	maxLinks = 128
)

// Attempt is which one of an event is made.
type Attempt struct {
	// Number counts from 1.
	Number int
	// Replays is how often the event came back; 0 for never.
	Replays int
}

// Process begins the span of an attempt to deliver an event; the caller ends it.
func (m *Messaging) Process(ctx context.Context, e *event.Event, a Attempt) (context.Context, trace.Span) {
	if m == nil {
		return ctx, none
	}
	ctx, later := placeOf(ctx, e, a)
	ctx, span := m.start(ctx, dispatching, later...)
	if span.IsRecording() {
		describe(span, e)
		span.SetAttributes(attribute.Int("botgate.attempt", a.Number), attribute.Int("botgate.replays", a.Replays))
	}
	return ctx, span
}

// placeOf is where the span of an attempt belongs: below where the event was created, or beside it with a link.
func placeOf(ctx context.Context, e *event.Event, a Attempt) (context.Context, []trace.SpanStartOption) {
	created := Parse(e.TraceParent)
	switch {
	case !created.IsValid():
		return ctx, nil
	case a.Number == 1 && a.Replays == 0 && time.Since(e.Time) < freshFor:
		return trace.ContextWithRemoteSpanContext(ctx, created), nil
	}
	return ctx, linked(created)
}

// linked is a root with a link.
func linked(to trace.SpanContext) []trace.SpanStartOption {
	return []trace.SpanStartOption{trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: to})}
}

// ProcessBatch begins the span of recording events in a shard of the store, which links to where they were created.
// There is one only where one of those is sampled; the caller ends it.
func (m *Messaging) ProcessBatch(ctx context.Context, shard string, events iter.Seq[*event.Event]) (context.Context, trace.Span) {
	if m == nil {
		return ctx, none
	}
	var links []trace.Link
	count := 0
	for e := range events {
		count++
		created := Sampled(e.TraceParent)
		if len(links) == maxLinks || !created.IsValid() {
			continue
		}
		known := slices.ContainsFunc(links, func(l trace.Link) bool { return l.SpanContext.Equal(created) })
		if !known {
			links = append(links, trace.Link{SpanContext: created})
		}
	}
	if len(links) == 0 {
		return ctx, none
	}
	ctx, span := m.start(ctx, recording, trace.WithNewRoot(), trace.WithLinks(links...))
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("messaging.batch.message_count", count))
		if shard != "" {
			span.SetAttributes(attribute.String("botgate.shard", shard))
		}
	}
	return ctx, span
}
