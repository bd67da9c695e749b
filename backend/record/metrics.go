package record

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/tracing"
)

type metrics struct {
	recorded, deadLettered, parked prometheus.Counter
	batch, duration, delay         prometheus.Histogram
	retries                        prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "botgate_record_events_total",
		Help: "Events and changes taken from the queue, by what came of them: recorded (repeats included), dead_lettered because the store can't take them, or parked because their shard is down.",
	}, []string{"outcome"})
	m := &metrics{
		recorded:     events.WithLabelValues("recorded"),
		deadLettered: events.WithLabelValues("dead_lettered"),
		parked:       events.WithLabelValues("parked"),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "botgate_record_batch_size",
			Help:    "Events written in one transaction.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000},
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "botgate_record_append_duration_seconds",
			Help:    "Time that the store took to commit a batch.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "botgate_record_delay_seconds",
			Help:    "Time from the acceptance of an event to its commit in the store; without changes and replays.",
			Buckets: metric.DelayBuckets(),
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "botgate_record_retries_total",
			Help: "Times that a batch had to be written or acknowledged again, because store or queue were unavailable.",
		}),
	}
	return m, metric.Register(reg, "record", events, m.batch, m.duration, m.delay, m.retries)
}

// committed counts a batch that the store has since a moment ago.
func (m *metrics) committed(batch []item, now time.Time) {
	for _, it := range batch {
		if it.report == nil {
			m.recorded.Inc()
		}
		if d := it.delivery; d.Replays == 0 && d.Event.ForBot() {
			metric.Observe(m.delay, max(0, now.Sub(d.Event.Time).Seconds()), tracing.Sampled(d.Event.TraceParent))
		}
	}
}
