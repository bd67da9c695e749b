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
	metric.Start(m.finished, append(slices.Clone(kinds), otherKind), metric.Values(StatusDone, StatusFailed, StatusCancelled))
	return m, metric.Register(reg, "the jobs", m.finished, m.running, m.retries)
}

// otherKind is the label of jobs of a kind that this program does not know.
const otherKind = "other"

// finish counts a final job.
func (m *metrics) finish(kind string, status Status) {
	if !slices.Contains(m.kinds, kind) {
		kind = otherKind
	}
	m.finished.WithLabelValues(kind, string(status)).Inc()
}
