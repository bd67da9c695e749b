// Package replicas connects to the PostgreSQL servers of one shard: writes go to the primary,
// also after a failover, and reads to a read replica whose lag is within a bound.
//
// pgx's target_session_attrs is not enough for either: a former primary that comes back on an
// old timeline is read-write too, and standby says nothing about the lag.
package replicas

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/internal/slowsql"
)

// Cluster is the primary and the read replicas of one shard. [Open] makes it.
type Cluster struct {
	cfg     Config
	log     *slog.Logger
	slow    *slowsql.Log
	primary *pool
	// nodes are all servers: first those that may only be the primary, in the order of the URL.
	nodes []*node

	reads     *prometheus.CounterVec
	failovers prometheus.Counter

	mu       sync.Mutex
	topology topology
	// turn spreads reads over the replicas.
	turn uint64
	// surveyed is closed once each server was probed.
	surveyed  chan struct{}
	endSurvey func()

	stop     context.CancelFunc
	monitors sync.WaitGroup
}

// node is one server.
type node struct {
	address string
	// probe makes the connection for probes, which is none of the pool's: those may all be
	// in use.
	probe *pgx.ConnConfig
	// reads is the pool for reads while the server is a standby; nil where none may go.
	reads *pool
}

// Open makes the pools and starts to probe the servers; none need be up. A malformed URL is an
// error.
func Open(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg = cfg.WithDefaults()
	c := &Cluster{
		cfg: cfg, log: cfg.Logger.With("shard", cfg.Name),
		topology: topology{primary: none}, surveyed: make(chan struct{}),
	}
	c.slow = slowsql.New(c.log, cfg.SlowStatement)
	c.endSurvey = sync.OnceFunc(func() { close(c.surveyed) })
	if err := c.open(ctx); err != nil {
		c.closePools()
		return nil, err
	}
	if err := c.register(cfg.Registerer); err != nil {
		c.closePools()
		return nil, err
	}
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	for i := range c.nodes {
		c.monitors.Go(func() { c.monitor(ctx, i) })
	}
	return c, nil
}

func (c *Cluster) open(ctx context.Context) error {
	primary, err := c.cfg.poolConfig(c.cfg.URL)
	if err != nil {
		return fmt.Errorf("address of the database: %w", err)
	}
	replicas, readable := primary, hosts(&primary.ConnConfig.Config)
	if c.cfg.ReplicaURL != "" {
		if replicas, err = c.cfg.poolConfig(c.cfg.ReplicaURL); err != nil {
			return fmt.Errorf("address of the read replicas: %w", err)
		}
		replicas.MaxConns = primary.MaxConns
		readable = hosts(&replicas.ConnConfig.Config)
	} else if len(readable) == 1 {
		readable = nil
	}
	name := applicationName(primary.MaxConns)
	for _, cfg := range []*pgxpool.Config{primary, replicas} {
		if _, set := cfg.ConnConfig.RuntimeParams["application_name"]; !set {
			cfg.ConnConfig.RuntimeParams["application_name"] = name
		}
	}
	for _, address := range hosts(&primary.ConnConfig.Config) {
		if !slices.Contains(readable, address) {
			c.addNode(address, primary, nil)
		}
	}
	for _, address := range readable {
		reads, err := c.newPool(ctx, replicas, func(cfg *pgxpool.Config) { keepHost(&cfg.ConnConfig.Config, address) })
		if err != nil {
			return err
		}
		c.addNode(address, replicas, reads)
	}
	c.primary, err = c.newPool(ctx, primary, c.connectToPrimary)
	return err
}

func (c *Cluster) addNode(address string, cfg *pgxpool.Config, reads *pool) {
	probe := cfg.ConnConfig.Copy()
	keepHost(&probe.Config, address)
	probe.ValidateConnect = nil
	c.nodes = append(c.nodes, &node{address: address, probe: probe, reads: reads})
	c.topology.servers = append(c.topology.servers, server{readable: reads != nil})
}

// Primary returns the pool of the primary. After a failover it leads to the new one.
func (c *Cluster) Primary() *pgxpool.Pool { return c.primary.Pool }

// Close ends all connections. It waits for those in use, and is safe to call twice.
func (c *Cluster) Close() {
	c.stop()
	c.monitors.Wait()
	c.closePools()
}

func (c *Cluster) closePools() {
	for _, n := range c.nodes {
		if n.reads != nil {
			n.reads.Close()
		}
	}
	if c.primary != nil {
		c.primary.Close()
	}
}
