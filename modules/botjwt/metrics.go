package botjwt

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/modules/internal/metrics"
)

const outcomeVerified = "verified"

var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metrics.Namespace, Subsystem: "jwt", Name: "requests_total",
		Help: "Requests by what became of them: verified, or the reason of the refusal.",
	}, []string{"outcome"})
	collectors = []prometheus.Collector{requestsTotal}
)
