package botjwt

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "jwt", Name: "requests_total",
		Help: "Requests by what became of them: verified, or the reason of the refusal.",
	}, []string{"outcome"})
	collectors = []prometheus.Collector{requestsTotal}
)
