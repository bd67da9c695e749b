package jwks

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/modules/internal/metrics"
)

const (
	outcomeOK     = "ok"
	outcomeFailed = "failed"
)

var fetchesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: metrics.Namespace, Subsystem: "jwks", Name: "fetches_total",
	Help: "Fetches of published keys: ok, or failed.",
}, []string{"outcome"})

// Register registers the package's metrics with the registry of a configuration.
func Register(registry prometheus.Registerer) error { return metrics.Register(registry, fetchesTotal) }
