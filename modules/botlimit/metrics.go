package botlimit

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/modules/internal/metrics"
)

const subsystem = "rate_limit"

var (
	decisionsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metrics.Namespace, Subsystem: subsystem, Name: "decisions_total",
		Help: "Decisions by zone and outcome: allowed or refused.",
	}, []string{"zone", "outcome"})
	degradedTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metrics.Namespace, Subsystem: subsystem, Name: "degraded_decisions_total",
		Help: "Decisions that this process made alone because Redis did not answer in time.",
	}, []string{"zone"})
	degradedState = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: metrics.Namespace, Subsystem: subsystem, Name: "degraded",
		Help: "1 while Redis does not answer in time, until it has for 10 seconds.",
	})
	collectors = []prometheus.Collector{decisionsTotal, degradedTotal, degradedState}
)

// zoneCounters are the counters of one zone, looked up once.
type zoneCounters struct {
	allowed, refused, degraded prometheus.Counter
}

func countersOf(zone string) zoneCounters {
	return zoneCounters{
		allowed:  decisionsTotal.WithLabelValues(zone, "allowed"),
		refused:  decisionsTotal.WithLabelValues(zone, "refused"),
		degraded: degradedTotal.WithLabelValues(zone),
	}
}

func (c zoneCounters) observe(allowed, degraded bool) {
	if allowed {
		c.allowed.Inc()
	} else {
		c.refused.Inc()
	}
	if degraded {
		c.degraded.Inc()
	}
}
