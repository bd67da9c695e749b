package metric

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Observe adds a value to a histogram. Where the span that it was seen in is sampled, its trace is an exemplar of the
// value: a dashboard leads from a slow one to where its time went.
func Observe(h prometheus.Observer, value float64, span trace.SpanContext) {
	if exemplars, ok := h.(prometheus.ExemplarObserver); ok && span.IsSampled() {
		exemplars.ObserveWithExemplar(value, prometheus.Labels{"trace_id": span.TraceID().String()})
		return
	}
	h.Observe(value)
}
