package metric

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// goRuntime is the metrics of the Go runtime: those that every program has, those of its scheduler, and those of
// its garbage collector.
var goRuntime = sync.OnceValue(func() prometheus.Collector {
	return collectors.NewGoCollector(
		collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler, collectors.MetricsGC))
})

// RegisterRuntime registers the metrics of the Go runtime, its scheduler and its garbage collector. They take the
// place of client_golang's usual ones where a registry has these already, as Caddy's has: both together are
// refused, since some are in both.
func RegisterRuntime(registry prometheus.Registerer) error {
	if registry == nil {
		return nil
	}
	registry.Unregister(collectors.NewGoCollector()) // Any that describes the same is the same to a registry.
	return Register(registry, "the Go runtime", goRuntime())
}
