package botjwt

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// outcomeVerified is the outcome other than refusals.
const outcomeVerified = "verified"

var (
	requestsTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "jwt", Name: "requests_total",
		Help: "Requests by what became of them: verified, or the reason of the refusal.",
	}, []string{"outcome"}), append(metric.Values(reasons()...), outcomeVerified))
	endedTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "jwt", Name: "ended_total",
		Help: "Streams and other answers that were ended with their token: expired, or revoked.",
	}, []string{"reason"}), metric.Values(reasonExpired, reasonRevoked))
	// verifiedTotal is looked up once.
	verifiedTotal = requestsTotal.WithLabelValues(outcomeVerified)
	collectors    = []prometheus.Collector{requestsTotal, endedTotal}
)
