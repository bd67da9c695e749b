package cache

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// Metrics are those of all caches of a process.
type Metrics struct {
	requests, invalidations *prometheus.CounterVec
	degraded                *prometheus.GaugeVec
	registry                prometheus.Registerer // Nil for none.
}

// NewMetrics registers the metrics, unless reg is nil. It fails when they are registered already.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_cache_requests_total",
			Help: "Lookups by tier and result: memory hit, stale (answered and refreshed) or miss; redis hit, miss or failed; database found, missing, failed or discarded, since its key was written meanwhile.",
		}, []string{"cache", "tier", "result"}),
		invalidations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_cache_invalidations_total",
			Help: "Keys invalidated since they were written, and times that all were since writes may have been missed, by scope: key, all.",
		}, []string{"cache", "scope"}),
		degraded: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "botgate_cache_degraded",
			Help: "1 while Redis does not answer in time and the cache does without it.",
		}, []string{"cache"}),
		registry: reg,
	}
	return m, metric.Register(reg, "the cache", m.requests, m.invalidations, m.degraded)
}

// registerSize exports the size of a cache until unregister is called.
func (m *Metrics) registerSize(name string, size func() uint64) (unregister func(), err error) {
	bytes := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "botgate_cache_memory_bytes",
		Help:        "Size of what is in memory, as it counts against the bound.",
		ConstLabels: prometheus.Labels{"cache": name},
	}, func() float64 { return float64(size()) })
	unregister = func() {
		if m.registry != nil {
			m.registry.Unregister(bytes)
		}
	}
	return unregister, metric.Register(m.registry, "the cache", bytes)
}

// metrics are those of one cache, looked up once.
type metrics struct {
	memoryHit, memoryStale, memoryMiss prometheus.Counter
	redisHit, redisMiss, redisFailed   prometheus.Counter
	found, missing, failed, discarded  prometheus.Counter
	invalidatedKeys, invalidatedAll    prometheus.Counter
	degraded                           prometheus.Gauge
}

func (m *Metrics) of(name string) metrics {
	asked := func(tier, result string) prometheus.Counter { return m.requests.WithLabelValues(name, tier, result) }
	return metrics{
		memoryHit: asked("memory", "hit"), memoryStale: asked("memory", "stale"), memoryMiss: asked("memory", "miss"),
		redisHit: asked("redis", "hit"), redisMiss: asked("redis", "miss"), redisFailed: asked("redis", "failed"),
		found: asked("database", "found"), missing: asked("database", "missing"),
		failed: asked("database", "failed"), discarded: asked("database", "discarded"),
		invalidatedKeys: m.invalidations.WithLabelValues(name, "key"), invalidatedAll: m.invalidations.WithLabelValues(name, "all"),
		degraded: m.degraded.WithLabelValues(name),
	}
}

func (m *metrics) loaded(r *record, err error) {
	switch {
	case err != nil:
		m.failed.Inc()
	case r.missing:
		m.missing.Inc()
	default:
		m.found.Inc()
	}
}
