package metric_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
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
