package tracetest

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// Recorder makes spans of which all are sampled, and keeps those that ended.
type Recorder struct {
	trace.Tracer
	*tracetest.SpanRecorder
}

// NewRecorder makes a recorder that ends with the test.
func NewRecorder(t *testing.T) Recorder {
	t.Helper()
	ended := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(ended))
	t.Cleanup(func() { _ = provider.Shutdown(t.Context()) })
	return Recorder{provider.Tracer("test"), ended}
}

// Lines are the spans that ended so far, in that order, as "name{attribute=value …}" in the order in which the
// attributes were set, with "!" before those that failed.
func (r Recorder) Lines() (lines []string) {
	for _, span := range r.Ended() {
		lines = append(lines, lineOf(span))
	}
	return lines
}

func lineOf(span sdktrace.ReadOnlySpan) string {
	var attributes []string
	for _, a := range span.Attributes() {
		attributes = append(attributes, string(a.Key)+"="+a.Value.String())
	}
	failed := map[bool]string{true: "!"}[span.Status().Code == codes.Error]
	return failed + span.Name() + "{" + strings.Join(attributes, " ") + "}"
}
