package tracing

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// The W3C headers of the context of a span, in the form in which net/http keeps names: the context, and what vendors
// add to it.
const (
	Header      = "Traceparent"
	StateHeader = "Tracestate"
)

// sampledFlags end a [TraceParent] of a span that is sampled.
const sampledFlags = "-01"

// TraceParent is the value of [Header] for a span.
func TraceParent(of trace.SpanContext) string {
	if !of.IsValid() {
		return ""
	}
	flags := "-00"
	if of.IsSampled() {
		flags = sampledFlags
	}
	var text [55]byte
	trace, span := of.TraceID(), of.SpanID()
	out := append(text[:0], "00-"...)
	out = hex.AppendEncode(out, trace[:])
	out = append(out, '-')
	out = hex.AppendEncode(out, span[:])
	return string(append(out, flags...))
}

// Parse reads what [TraceParent] or another program wrote, in version 00; what can't be read is no valid context.
func Parse(traceParent string) trace.SpanContext {
	if len(traceParent) != 55 || traceParent[:3] != "00-" || traceParent[35] != '-' || traceParent[52] != '-' {
		return trace.SpanContext{}
	}
	id, err := trace.TraceIDFromHex(traceParent[3:35])
	span, other := trace.SpanIDFromHex(traceParent[36:52])
	flags, wrong := strconv.ParseUint(traceParent[53:], 16, 8)
	if errors.Join(err, other, wrong) != nil {
		return trace.SpanContext{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(flags) & trace.FlagsSampled, Remote: true,
	})
}

// Sampled is the context of a traceparent that is sampled, and an invalid one of others.
func Sampled(traceParent string) trace.SpanContext {
	if !strings.HasSuffix(traceParent, sampledFlags) {
		return trace.SpanContext{}
	}
	return Parse(traceParent)
}

// Unforced is what a stranger names as a traceparent: it is kept, so that traces can be matched, but nobody is to
// sample for it.
func Unforced(traceParent string) string {
	of := Parse(traceParent)
	return TraceParent(of.WithTraceFlags(of.TraceFlags() &^ trace.FlagsSampled))
}

// Child begins a span of the context's, where that is recorded; the caller ends it. No tracer is needed: it is that of
// the parent.
func Child(
	ctx context.Context, name string, kind trace.SpanKind, more ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	parent := Recording(ctx)
	if parent == nil {
		return ctx, none
	}
	return parent.TracerProvider().Tracer(instrumentation).Start(ctx, name, append(slices.Clip(more), trace.WithSpanKind(kind))...)
}

// CauseOf is what [Fail] says of an error of which nothing else is known: timeout, canceled or unavailable.
func CauseOf(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "unavailable"
}

// Recording returns the span of a context, or nil where nothing is recorded of it.
func Recording(ctx context.Context) trace.Span {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return span
	}
	return nil
}

// LogAttrs are what a record says of the span of its context: trace_id and span_id; nil without one.
func LogAttrs(ctx context.Context) []slog.Attr {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return nil
	}
	return []slog.Attr{slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String())}
}
