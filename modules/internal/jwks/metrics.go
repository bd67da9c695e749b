package jwks

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// What comes of fetches.
const (
	fetchOK     = "ok"
	fetchFailed = "failed"
)

var fetchesTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: metric.Namespace, Subsystem: "jwks", Name: "fetches_total",
	Help: "Fetches of published keys: ok, or failed.",
}, []string{"outcome"}), []string{fetchOK, fetchFailed})

// Register registers the package's metrics with the registry of a configuration.
func Register(registry prometheus.Registerer) error {
	return metric.Register(registry, "the key sets", fetchesTotal)
}
