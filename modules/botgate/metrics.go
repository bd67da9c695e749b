package botgate

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/queue/up"
	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/version"
)

// registerMetrics registers those of what the handlers share.
func (a *App) registerMetrics(registry *prometheus.Registry) error {
	return errors.Join(metric.RegisterRuntime(registry),
		metric.Register(registry, "the blob store", claimcheck.Collectors()...),
		metric.Register(registry, "the spool", spool.Collectors()...),
		metric.Register(registry, "the queue", up.New(a.broker)),
		metric.Register(registry, "the files", reload.Collectors()...),
		metric.Register(registry, "the traces", tracing.Collectors()...),
		metric.Register(registry, "the build", version.Collector()))
}
