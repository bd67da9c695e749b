package tracing

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/time/rate"

	"github.com/botgate/botgate/internal/metric"
)

const (
	// maxQueued is how many spans wait for the collector at most.
	maxQueued = 2048
	// exportTimeout bounds one request to the collector, and the wait for it when the process stops.
	exportTimeout = time.Second
	// complainEvery is the time between two log lines about a collector that takes no spans.
	complainEvery = time.Minute
)

var dropped = prometheus.NewCounter(prometheus.CounterOpts{
	Namespace: metric.Namespace, Name: "spans_dropped_total",
	Help: "Spans that were sampled and not exported, since the collector was away or too slow.",
})

// Collectors returns the metrics of tracing.
func Collectors() []prometheus.Collector { return []prometheus.Collector{dropped} }

// bounded is a span processor before the SDK's, which drops what does not fit without telling how much. So
// spans are counted in and out here, and what is dropped is dropped here.
type bounded struct {
	sdktrace.SpanProcessor
	out *counting
}

// OnEnd implements [sdktrace.SpanProcessor].
func (b *bounded) OnEnd(s sdktrace.ReadOnlySpan) {
	switch {
	case !s.SpanContext().IsSampled():
	case b.out.queued.Add(1) > maxQueued:
		b.out.queued.Add(-1)
		dropped.Inc()
	default:
		b.SpanProcessor.OnEnd(s)
	}
}

// counting is an exporter that counts what leaves the queue, and what is lost on the way. It logs failures itself:
// the SDK's handler of errors is one of the process, which others may have set.
type counting struct {
	sdktrace.SpanExporter
	queued   atomic.Int64
	log      *slog.Logger
	complain rate.Sometimes
}

// ExportSpans implements [sdktrace.SpanExporter].
func (c *counting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	c.queued.Add(-int64(len(spans)))
	if err != nil {
		dropped.Add(float64(len(spans)))
		c.complain.Do(func() {
			c.log.Warn("the collector takes no spans, which are dropped: see OTEL_EXPORTER_OTLP_ENDPOINT", slog.Any("error", err))
		})
	}
	return nil
}

// newBounded exports in the background.
func newBounded(to sdktrace.SpanExporter, log *slog.Logger) *bounded {
	out := &counting{SpanExporter: to, log: log, complain: rate.Sometimes{First: 1, Interval: complainEvery}}
	return &bounded{
		SpanProcessor: sdktrace.NewBatchSpanProcessor(out,
			sdktrace.WithMaxQueueSize(maxQueued), sdktrace.WithExportTimeout(exportTimeout)),
		out: out,
	}
}
