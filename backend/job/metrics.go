package job

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

type metrics struct {
	finished *prometheus.CounterVec
	running  prometheus.Gauge
	retries  prometheus.Counter
	kinds    []string
}

func newMetrics(reg prometheus.Registerer, kinds []string) (*metrics, error) {
	m := &metrics{
		kinds: kinds,
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_jobs_finished_total",
			Help: "Jobs that became final, by kind and status: done, failed, cancelled.",
		}, []string{"kind", "status"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "botgate_jobs_running",
			Help: "Jobs that this process is working on.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "botgate_jobs_retries_total",
			Help: "Retries of jobs after a temporary error, such as a database or queue that was unavailable.",
		}),
	}
	for _, kind := range kinds {
		for _, status := range []Status{StatusDone, StatusFailed, StatusCancelled} {
			m.finished.WithLabelValues(kind, string(status))
		}
	}
	return m, metric.Register(reg, "the jobs", m.finished, m.running, m.retries)
}

// finish counts a final job. An unknown kind counts as "other".
func (m *metrics) finish(kind string, status Status) {
	if !slices.Contains(m.kinds, kind) {
		kind = "other"
	}
	m.finished.WithLabelValues(kind, string(status)).Inc()
}
