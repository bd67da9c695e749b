package metric_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/metric"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	counter := func() prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "botgate_test_total", Help: "A test's metric."})
	}
	shared, registry := counter(), prometheus.NewRegistry()
	require.NoError(t, metric.Register(nil, "the test", shared))
	require.NoError(t, metric.Register(registry, "the test", shared))
	require.NoError(t, metric.Register(registry, "the test", shared), "handlers share a collector")
	require.ErrorContains(t, metric.Register(registry, "the test", counter()), "registering a metric of the test")
}

// TestRuntimeTakesThePlaceOfTheUsualCollector has a registry like Caddy's, and a second registration.
func TestRuntimeTakesThePlaceOfTheUsualCollector(t *testing.T) {
	t.Parallel()
	for range 2 { // As after a reload, which has a registry of its own.
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(collectors.NewGoCollector())
		require.NoError(t, metric.RegisterRuntime(registry))
		require.NoError(t, metric.RegisterRuntime(registry))
		families, err := registry.Gather()
		require.NoError(t, err)
		names := map[string]bool{}
		for _, f := range families {
			names[f.GetName()] = true
		}
		for _, name := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "go_sched_latencies_seconds", "go_gc_pauses_seconds"} {
			require.True(t, names[name], name)
		}
	}
	require.NoError(t, metric.RegisterRuntime(nil))
}
