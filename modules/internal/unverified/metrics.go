package unverified

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

var (
	usedBytes = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: metric.Namespace, Subsystem: "unverified", Name: "bytes",
		Help: "What bodies of senders that are not known yet take, without the first 16 KB of each.",
	})
	limitBytes = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: metric.Namespace, Subsystem: "unverified", Name: "limit_bytes",
		Help: "How much these may take together: max_unverified of the global option botgate.",
	})
	refusedTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "unverified", Name: "refused_total",
		Help: "Requests answered with 503, since their bodies would have taken more.",
	})
	collectors = []prometheus.Collector{usedBytes, limitBytes, refusedTotal}
)
