package botenqueue

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/modules/internal/metrics"
	"github.com/botgate/botgate/modules/internal/problem"
)

var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metrics.Namespace, Subsystem: "enqueue", Name: "requests_total",
		Help: "Requests by what became of them: accepted, or the reason of the refusal.",
	}, []string{"outcome"})
	publishSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: metrics.Namespace, Subsystem: "enqueue", Name: "accept_seconds",
		Help:    "Time from the request's arrival at bot_enqueue to the queue's confirmation.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
	})
	collectors = []prometheus.Collector{requestsTotal, publishSeconds}
)

func observe(refusal *problem.Problem, took time.Duration) {
	if refusal != nil {
		requestsTotal.WithLabelValues(refusal.Slug()).Inc()
		return
	}
	requestsTotal.WithLabelValues("accepted").Inc()
	publishSeconds.Observe(took.Seconds())
}
