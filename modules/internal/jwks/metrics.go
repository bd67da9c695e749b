package jwks

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

var fetchesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: metric.Namespace, Subsystem: "jwks", Name: "fetches_total",
	Help: "Fetches of published keys: ok, or failed.",
}, []string{"outcome"})

// Register registers the package's metrics with the registry of a configuration.
func Register(registry prometheus.Registerer) error {
	return metric.Register(registry, "the key sets", fetchesTotal)
}
