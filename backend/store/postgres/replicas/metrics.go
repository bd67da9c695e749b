package replicas

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// Where a read goes.
const (
	targetReplica = "replica"
	targetPrimary = "primary"
)

// count counts a read by where it went: to the replica on a server, or with none to the primary.
func (c *Cluster) count(server int, why reason) {
	target := targetReplica
	if server == none {
		target = targetPrimary
	}
	c.reads.WithLabelValues(target, string(why)).Inc()
}

// register makes the metrics, and registers them if reg is not nil.
func (c *Cluster) register(reg prometheus.Registerer) error {
	c.reads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "botgate_database_reads_total",
		Help: "Reads by where they went and why.",
	}, []string{"target", "reason"})
	metric.Start(c.reads, []string{targetReplica}, metric.Values(withinBound, primaryDown))
	metric.Start(c.reads, []string{targetPrimary}, metric.Values(wantsFresh, noReplica, replicasDown, replicasLag, replicaFailed))
	c.failovers = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "botgate_database_failovers_total",
		Help: "Failovers: times that another server was found to be the primary.",
	})
	if reg == nil {
		return nil
	}
	all := append([]prometheus.Collector{c.reads, c.failovers}, c.serverGauges()...)
	all = append(all, poolMetrics("primary", c.primary)...)
	var replicas []*pool
	for _, n := range c.nodes {
		if n.reads != nil {
			replicas = append(replicas, n.reads)
		}
	}
	if len(replicas) > 0 {
		all = append(all, poolMetrics("replica", replicas...)...)
	}
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"shard": c.cfg.Name}, reg)
	return metric.Register(reg, "the database", all...)
}

// poolMetrics are the sums of pools.
func poolMetrics(label string, pools ...*pool) []prometheus.Collector {
	sum := func(of func(*pool) float64) func() float64 {
		return func() (all float64) {
			for _, p := range pools {
				all += of(p)
			}
			return all
		}
	}
	labels := prometheus.Labels{"pool": label}
	counter := func(name, help string, of func(*pool) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, sum(of))
	}
	connections := func(state string, of func(*pool) float64) prometheus.Collector {
		return newGauge("botgate_database_connections", "Connections by pool and state: acquired, idle, or connecting.",
			prometheus.Labels{"pool": label, "state": state}, sum(of))
	}
	return []prometheus.Collector{
		connections("acquired", func(p *pool) float64 { return float64(p.Stat().AcquiredConns()) }),
		connections("idle", func(p *pool) float64 { return float64(p.Stat().IdleConns()) }),
		connections("connecting", func(p *pool) float64 { return float64(p.Stat().ConstructingConns()) }),
		newGauge("botgate_database_connections_max", "Connections that the pools may have.", labels,
			sum(func(p *pool) float64 { return float64(p.Stat().MaxConns()) })),
		counter("botgate_database_acquire_wait_seconds_total", "Time spent waiting for a connection because none was idle.",
			func(p *pool) float64 { return p.Stat().EmptyAcquireWaitTime().Seconds() }),
		counter("botgate_database_acquire_waits_total", "Calls that waited for a connection because none was idle.",
			func(p *pool) float64 { return float64(p.Stat().EmptyAcquireCount()) }),
		counter("botgate_database_acquire_timeouts_total", "Calls that failed because they got no connection in time.",
			func(p *pool) float64 { return float64(p.timeouts.Load()) }),
	}
}

// serverGauges show the topology.
func (c *Cluster) serverGauges() []prometheus.Collector {
	of := func(of func(summary) float64) func() float64 {
		return func() float64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return of(c.topology.summarize(time.Now(), c.cfg.MaxLag))
		}
	}
	replicas := func(state string, number func(summary) float64) prometheus.Collector {
		return newGauge("botgate_database_replicas", "Replicas by state: current, lagging, or down.",
			prometheus.Labels{"state": state}, of(number))
	}
	return []prometheus.Collector{
		newGauge("botgate_database_primary_up", "Whether there is a primary and it answers.", nil,
			of(func(s summary) float64 { return s.primaries })),
		replicas("current", func(s summary) float64 { return s.current }),
		replicas("lagging", func(s summary) float64 { return s.lagging }),
		replicas("down", func(s summary) float64 { return s.down }),
		newGauge("botgate_database_replica_lag_seconds", "Largest replication lag of the replicas that answer, at most.", nil,
			of(func(s summary) float64 { return s.maxLag.Seconds() })),
	}
}

func newGauge(name, help string, labels prometheus.Labels, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value)
}
