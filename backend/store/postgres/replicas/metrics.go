package replicas

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stats are what is counted; the rest is read from the pools when somebody asks.
type stats struct {
	reads     *prometheus.CounterVec
	failovers prometheus.Counter
}

func newStats() *stats {
	return &stats{
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_database_reads_total",
			Help: "Reads by where they went and why.",
		}, []string{"target", "reason"}),
		failovers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "botgate_database_failovers_total",
			Help: "Times that another server was found to be the primary.",
		}),
	}
}

// count takes where a read went: to a server, or with none to the primary.
func (s *stats) count(server int, why reason) {
	target := "replica"
	if server == none {
		target = "primary"
	}
	s.reads.WithLabelValues(target, why.String()).Inc()
}

// register makes the metrics, and registers them if reg is not nil.
func (p *Pools) register(reg prometheus.Registerer) error {
	p.stats = newStats()
	if reg == nil {
		return nil
	}
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"shard": p.cfg.Name}, reg)
	for _, c := range []prometheus.Collector{p.stats.reads, p.stats.failovers, newGauges(p)} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("registering a metric of the database: %w", err)
		}
	}
	return nil
}

// gauges reads pools and topology.
type gauges struct {
	pools                                  *Pools
	connections, limit, waits, timeouts    *prometheus.Desc
	primaryUp, replicas, lag, acquireWaits *prometheus.Desc
}

func newGauges(p *Pools) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("botgate_database_"+name, help, labels, nil)
	}
	return &gauges{
		pools:        p,
		connections:  desc("connections", "Connections by pool and state: acquired, idle, or connecting.", "pool", "state"),
		limit:        desc("connections_max", "Connections that the pools may have.", "pool"),
		waits:        desc("acquire_wait_seconds_total", "Time spent waiting for a connection because none was idle.", "pool"),
		acquireWaits: desc("acquire_waits_total", "Times that somebody waited for a connection because none was idle.", "pool"),
		timeouts:     desc("acquire_timeouts_total", "Calls that failed because they got no connection in time.", "pool"),
		primaryUp:    desc("primary_up", "Whether a server is known to be the primary and answers."),
		replicas:     desc("replicas", "Replicas by state: current, lagging, or away.", "state"),
		lag:          desc("replica_lag_seconds", "How far the replica that lags most is behind, at most; away ones excepted."),
	}
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.connections, g.limit, g.waits, g.acquireWaits, g.timeouts, g.primaryUp, g.replicas, g.lag} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (g *gauges) Collect(metrics chan<- prometheus.Metric) {
	replicas := []*pool{}
	for _, n := range g.pools.nodes {
		if n.read != nil {
			replicas = append(replicas, n.read)
		}
	}
	g.collectPools(metrics, "primary", g.pools.write)
	if len(replicas) > 0 {
		g.collectPools(metrics, "replica", replicas...)
	}
	g.collectServers(metrics, time.Now())
}

func (g *gauges) collectPools(metrics chan<- prometheus.Metric, label string, pools ...*pool) {
	var acquired, idle, connecting, limit, waits, timeouts, waited float64
	for _, p := range pools {
		s := p.Stat()
		acquired += float64(s.AcquiredConns())
		idle += float64(s.IdleConns())
		connecting += float64(s.ConstructingConns())
		limit += float64(s.MaxConns())
		waits += float64(s.EmptyAcquireCount())
		waited += s.EmptyAcquireWaitTime().Seconds()
		timeouts += float64(p.tracer.timeouts.Load())
	}
	gauge(metrics, g.connections, acquired, label, "acquired")
	gauge(metrics, g.connections, idle, label, "idle")
	gauge(metrics, g.connections, connecting, label, "connecting")
	gauge(metrics, g.limit, limit, label)
	counter(metrics, g.waits, waited, label)
	counter(metrics, g.acquireWaits, waits, label)
	counter(metrics, g.timeouts, timeouts, label)
}

func (g *gauges) collectServers(metrics chan<- prometheus.Metric, now time.Time) {
	p := g.pools
	p.mu.Lock()
	known := p.topology.census(now, p.cfg.MaxLag)
	p.mu.Unlock()
	gauge(metrics, g.primaryUp, known.primaries)
	gauge(metrics, g.replicas, known.current, "current")
	gauge(metrics, g.replicas, known.lagging, "lagging")
	gauge(metrics, g.replicas, known.away, "away")
	gauge(metrics, g.lag, known.lag.Seconds())
}

func gauge(metrics chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(metrics chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}
