package botlimit

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

const subsystem = "rate_limit"

var (
	decisionsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "decisions_total",
		Help: "Decisions by zone and outcome: allowed, refused, deferred, would_refuse or would_defer (dry_run).",
	}, []string{"zone", "outcome"})
	degradedTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "degraded_decisions_total",
		Help: "Decisions that on_store_error made because Redis did not answer in time.",
	}, []string{"zone"})
	degradedState = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "degraded",
		Help: "1 while Redis does not answer in time, until it has for 5 seconds.",
	})
	collectors = []prometheus.Collector{decisionsTotal, degradedTotal, degradedState}
)

// zoneCounters are the counters of one zone, looked up once.
type zoneCounters struct {
	allowed, refused, deferred, wouldRefuse, wouldDefer, degraded prometheus.Counter
}

func countersOf(zone string) zoneCounters {
	outcome := func(name string) prometheus.Counter { return decisionsTotal.WithLabelValues(zone, name) }
	return zoneCounters{
		allowed: outcome("allowed"), refused: outcome("refused"), deferred: outcome("deferred"),
		wouldRefuse: outcome("would_refuse"), wouldDefer: outcome("would_defer"),
		degraded: degradedTotal.WithLabelValues(zone),
	}
}
