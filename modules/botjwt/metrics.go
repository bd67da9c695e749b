package botjwt

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "jwt", Name: "requests_total",
		Help: "Requests by what became of them: verified, or the reason of the refusal.",
	}, []string{"outcome"})
	endedTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "jwt", Name: "ended_total",
		Help: "Streams and other answers that were ended with their token: expired, or revoked.",
	}, []string{"reason"})
	// verifiedTotal is looked up once, and not before there is one.
	verifiedTotal = sync.OnceValue(func() prometheus.Counter { return requestsTotal.WithLabelValues("verified") })
	collectors    = []prometheus.Collector{requestsTotal, endedTotal}
)
