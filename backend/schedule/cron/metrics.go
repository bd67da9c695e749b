package cron

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

type metrics struct {
	fired     prometheus.Counter
	schedules prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		fired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "botgate_cron_fired_total",
			Help: "Events that this process published for schedules of the bots file; another one may have published the same.",
		}),
		schedules: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "botgate_cron_schedules",
			Help: "Schedules in the bots file.",
		}),
	}
	return m, metric.Register(reg, "the schedules of bots", m.fired, m.schedules)
}
