package replicas

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// counters are what is counted; the gauges are read from the pools when they are collected.
type counters struct {
	reads     *prometheus.CounterVec
	failovers prometheus.Counter
}

func newCounters() *counters {
	return &counters{
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_database_reads_total",
			Help: "Reads by where they went and why.",
		}, []string{"target", "reason"}),
		failovers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "botgate_database_failovers_total",
			Help: "Failovers: times that another server was found to be the primary.",
		}),
	}
}

// count takes where a read went: to the replica on a server, or with none to the primary.
func (s *counters) count(server int, why reason) {
	target := "replica"
	if server == none {
		target = "primary"
	}
	s.reads.WithLabelValues(target, why.String()).Inc()
}

// register makes the metrics, and registers them if reg is not nil.
func (c *Cluster) register(reg prometheus.Registerer) error {
	c.counters = newCounters()
	if reg == nil {
		return nil
	}
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"shard": c.cfg.Name}, reg)
	return metric.Register(reg, "the database", c.counters.reads, c.counters.failovers, newGauges(c))
}

// gauges reads the pools and the topology.
type gauges struct {
	cluster                                *Cluster
	connections, limit, waits, timeouts    *prometheus.Desc
	primaryUp, replicas, lag, acquireWaits *prometheus.Desc
}

func newGauges(c *Cluster) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("botgate_database_"+name, help, labels, nil)
	}
	return &gauges{
		cluster:      c,
		connections:  desc("connections", "Connections by pool and state: acquired, idle, or connecting.", "pool", "state"),
		limit:        desc("connections_max", "Connections that the pools may have.", "pool"),
		waits:        desc("acquire_wait_seconds_total", "Time spent waiting for a connection because none was idle.", "pool"),
		acquireWaits: desc("acquire_waits_total", "Calls that waited for a connection because none was idle.", "pool"),
		timeouts:     desc("acquire_timeouts_total", "Calls that failed because they got no connection in time.", "pool"),
		primaryUp:    desc("primary_up", "Whether there is a primary and it answers."),
		replicas:     desc("replicas", "Replicas by state: current, lagging, or down.", "state"),
		lag:          desc("replica_lag_seconds", "Largest replication lag of the replicas that answer, at most."),
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
	for _, n := range g.cluster.nodes {
		if n.reads != nil {
			replicas = append(replicas, n.reads)
		}
	}
	g.collectPools(metrics, "primary", g.cluster.primary)
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
	c := g.cluster
	c.mu.Lock()
	known := c.topology.summarize(now, c.cfg.MaxLag)
	c.mu.Unlock()
	gauge(metrics, g.primaryUp, known.primaries)
	gauge(metrics, g.replicas, known.current, "current")
	gauge(metrics, g.replicas, known.lagging, "lagging")
	gauge(metrics, g.replicas, known.down, "down")
	gauge(metrics, g.lag, known.maxLag.Seconds())
}

func gauge(metrics chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(metrics chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}
