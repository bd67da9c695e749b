package tracing

import (
	"context"
	"iter"
	"slices"
	"strings"
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
	var later []trace.SpanStartOption
	created := Parse(e.TraceParent)
	switch {
	case !created.IsValid():
	case a.Number == 1 && a.Replays == 0 && time.Since(e.Time) < freshFor:
		ctx = trace.ContextWithRemoteSpanContext(ctx, created)
	default:
		later = []trace.SpanStartOption{trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: created})}
	}
	ctx, span := m.start(ctx, dispatching, later...)
	if span.IsRecording() {
		describe(span, e)
		span.SetAttributes(attribute.Int("botgate.attempt", a.Number), attribute.Int("botgate.replays", a.Replays))
	}
	return ctx, span
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
		if len(links) == maxLinks || !strings.HasSuffix(e.TraceParent, sampledFlags) {
			continue
		}
		created := Parse(e.TraceParent)
		known := slices.ContainsFunc(links, func(l trace.Link) bool { return l.SpanContext.Equal(created) })
		if created.IsSampled() && !known {
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
