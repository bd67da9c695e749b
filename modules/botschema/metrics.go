package botschema

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/modules/internal/metrics"
	"github.com/botgate/botgate/modules/internal/problem"
)

var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metrics.Namespace, Subsystem: "schema", Name: "requests_total",
		Help: "Requests by what became of them: passed, or the reason of the refusal.",
	}, []string{"outcome"})
	collectors = []prometheus.Collector{requestsTotal}
)

func observe(refusal *problem.Problem) {
	outcome := "passed"
	if refusal != nil {
		outcome = refusal.Slug()
	}
	requestsTotal.WithLabelValues(outcome).Inc()
}
