package schedule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/metric"
)

type metrics struct {
	released prometheus.Counter
	overdue  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		released: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "botgate_schedule_released_total",
			Help: "Scheduled events that were handed to their bots' queues.",
		}),
		overdue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "botgate_schedule_overdue_seconds",
			Help: "How long ago the oldest scheduled event was due that was found waiting at the last look; 0 for none.",
		}),
	}
	return m, metric.Register(reg, "the schedule", m.released, m.overdue)
}

// see notes how overdue the oldest of what was found is, and returns it.
func (m *metrics) see(found []*store.Record, now time.Time) (overdue time.Duration) {
	if len(found) > 0 {
		overdue = now.Sub(found[0].Event.Time)
	}
	m.overdue.Set(overdue.Seconds())
	return overdue
}
