package bottoken

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

const subsystem = "token"

var (
	requestsTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "requests_total",
		Help: "Requests for tokens by what became of them: issued, or the reason of the refusal.",
	}, []string{"outcome"}), outcomes())
	rotationErrorsTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "rotation_errors_total",
		Help: "Times that the folder with the keys could not be looked after.",
	})
	collectors = []prometheus.Collector{requestsTotal, rotationErrorsTotal}
)
