package app_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/testdocs"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestMetricsAreDocumented has all parts: those of the embedded engines, and those of servers.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	embedded := settings(t, "http://127.0.0.1:1/")
	servers := settings(t, "http://127.0.0.1:1/")
	servers.QueueURL = noBroker // Its metrics are registered before there is a connection.
	servers.DatabaseURL, servers.Data.RedisURL = testsvc.Postgres(t), testsvc.Redis(t)
	servers.BlobURL = "file:" + t.TempDir()
	var registries []*prometheus.Registry
	for _, s := range []app.Config{{Settings: embedded}, {Settings: servers}} {
		s.Registry = prometheus.NewRegistry()
		s.Registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		require.NoError(t, metric.RegisterRuntime(s.Registry))
		start(t, s)
		registries = append(registries, s.Registry)
	}
	testdocs.Metrics(t, "../../docs/reference/metrics.md", "backend", registries...)
}
