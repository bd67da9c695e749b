package cache

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// Metrics are those of all caches of a process.
type Metrics struct {
	requests, invalidations *prometheus.CounterVec
	degraded                *prometheus.GaugeVec
	bytes                   *prometheus.Desc

	mu    sync.Mutex
	sizes map[string]func() uint64
}

// NewMetrics registers the metrics. It fails when they are registered already.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := newMetrics()
	return m, metric.Register(reg, "the cache", m)
}

func newMetrics() *Metrics {
	return &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_cache_requests_total",
			Help: "What each tier was asked and said: memory hit, stale (answered and loaded again) or miss; redis hit, miss or failed; database found, missing, failed or discarded, since its key was written meanwhile.",
		}, []string{"cache", "tier", "result"}),
		invalidations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_cache_invalidations_total",
			Help: "Keys dropped since they were written, and times that all were dropped since writes may have been missed, by scope: key, all.",
		}, []string{"cache", "scope"}),
		degraded: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "botgate_cache_degraded",
			Help: "1 while Redis does not answer in time and the cache does without it.",
		}, []string{"cache"}),
		bytes: prometheus.NewDesc("botgate_cache_memory_bytes",
			"Size of what is in memory, as it counts against the bound.", []string{"cache"}, nil),
		sizes: map[string]func() uint64{},
	}
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) {
	m.requests.Describe(descs)
	m.invalidations.Describe(descs)
	m.degraded.Describe(descs)
	descs <- m.bytes
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	m.requests.Collect(metrics)
	m.invalidations.Collect(metrics)
	m.degraded.Collect(metrics)
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, size := range m.sizes {
		metrics <- prometheus.MustNewConstMetric(m.bytes, prometheus.GaugeValue, float64(size()), name)
	}
}

func (m *Metrics) observe(name string, size func() uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sizes[name] = size
}

func (m *Metrics) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sizes, name)
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

// stored counts what Redis did not keep.
func (m *metrics) stored(err error) {
	if err != nil {
		m.redisFailed.Inc()
	}
}
