// Package replicas connects to the servers of one shard: a pool to whichever takes writes, and
// one to each replica, for reads that may be a little behind.
package replicas

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/store"
)

// Pools are the connections to the servers of one shard. [Open] makes them.
type Pools struct {
	cfg   Config
	log   *slog.Logger
	write *pool
	// nodes are all servers: those that may be the primary first, in the order of the URL.
	nodes []*node
	turn  atomic.Uint64
	stats *stats

	mu       sync.Mutex
	topology topology
	table    atomic.Pointer[table]
	// surveyed is closed once every server has answered or was found not to.
	surveyed chan struct{}

	stop     context.CancelFunc
	monitors sync.WaitGroup
}

// pool is a pgxpool with its tracer.
type pool struct {
	*pgxpool.Pool
	tracer *tracer
}

// node is one server.
type node struct {
	address string
	// probe makes the connection that asks the server, which is none of the pool's: those
	// may all be in use.
	probe *pgx.ConnConfig
	// read is the pool for reads while the server is a standby; nil where none may go.
	read *pool
}

// Open makes the pools and begins to look for the primary; no server need be up. Malformed
// URLs are errors that name the option.
func Open(ctx context.Context, cfg Config) (*Pools, error) {
	cfg = cfg.withDefaults()
	p := &Pools{cfg: cfg, log: cfg.Logger, topology: topology{primary: none}, surveyed: make(chan struct{})}
	if err := p.open(ctx); err != nil {
		p.closePools()
		return nil, err
	}
	p.table.Store(p.topology.table())
	if err := p.register(cfg.Registerer); err != nil {
		p.closePools()
		return nil, err
	}
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	for i := range p.nodes {
		p.monitors.Go(func() { p.monitor(ctx, i) })
	}
	return p, nil
}

func (p *Pools) open(ctx context.Context) error {
	primary, err := p.cfg.settings(p.cfg.URL)
	if err != nil {
		return fmt.Errorf("address of the database: %w", err)
	}
	replicas, readable := primary, hosts(&primary.ConnConfig.Config)
	if p.cfg.ReplicaURL != "" {
		if replicas, err = p.cfg.settings(p.cfg.ReplicaURL); err != nil {
			return fmt.Errorf("address of the read replicas: %w", err)
		}
		replicas.MaxConns = primary.MaxConns
		readable = hosts(&replicas.ConnConfig.Config)
	} else if len(readable) == 1 {
		readable = nil
	}
	name := named(primary.MaxConns)
	for _, settings := range []*pgxpool.Config{primary, replicas} {
		if _, set := settings.ConnConfig.RuntimeParams["application_name"]; !set {
			settings.ConnConfig.RuntimeParams["application_name"] = name
		}
	}
	for _, address := range hosts(&primary.ConnConfig.Config) {
		if !slices.Contains(readable, address) {
			p.add(address, primary, nil)
		}
	}
	for _, address := range readable {
		read, err := p.newPool(ctx, replicas, func(c *pgxpool.Config) { only(&c.ConnConfig.Config, address) })
		if err != nil {
			return err
		}
		p.add(address, replicas, read)
	}
	p.write, err = p.newPool(ctx, primary, p.toPrimary)
	return err
}

func (p *Pools) add(address string, settings *pgxpool.Config, read *pool) {
	probe := settings.ConnConfig.Copy()
	only(&probe.Config, address)
	probe.ValidateConnect = nil
	p.nodes = append(p.nodes, &node{address: address, probe: probe, read: read})
	p.topology.servers = append(p.topology.servers, server{readable: read != nil})
}

// newPool makes a pool with settings of its own.
func (p *Pools) newPool(ctx context.Context, settings *pgxpool.Config, change func(*pgxpool.Config)) (*pool, error) {
	settings = settings.Copy()
	settings.ConnConfig.ValidateConnect = nil
	t := &tracer{acquireTimeout: p.cfg.AcquireTimeout}
	settings.ConnConfig.Tracer = t
	change(settings)
	made := &pool{tracer: t}
	t.reset = func() { made.Reset() }
	var err error
	made.Pool, err = pgxpool.NewWithConfig(ctx, settings)
	return made, err
}

// Write returns the pool to the primary. After a failover it leads to the new one.
func (p *Pools) Write() *pgxpool.Pool { return p.write.Pool }

// Read returns the pool for a read: to a replica that lags by MaxLag at most, or else to the
// primary, as always for contexts of [store.Fresh]. While no server is the primary, replicas
// go on answering all but fresh reads, with whatever they have. What needs several
// statements that agree has to run them on one pool.
func (p *Pools) Read(ctx context.Context) *pgxpool.Pool {
	chosen, _ := p.choose(ctx)
	return chosen
}

// choose returns the pool for a read, and whether it is a replica's.
func (p *Pools) choose(ctx context.Context) (chosen *pgxpool.Pool, atReplica bool) {
	if store.IsFresh(ctx) {
		p.stats.count(none, wantsFresh)
		return p.write.Pool, false
	}
	i, why := p.table.Load().route(time.Now(), p.cfg.MaxLag, p.turn.Add(1))
	p.stats.count(i, why)
	if i == none {
		return p.write.Pool, false
	}
	return p.nodes[i].read.Pool, true
}

// Close ends all connections. It waits for those in use, and is safe to call twice.
func (p *Pools) Close() {
	p.stop()
	p.monitors.Wait()
	p.closePools()
}

func (p *Pools) closePools() {
	for _, n := range p.nodes {
		if n.read != nil {
			n.read.Close()
		}
	}
	if p.write != nil {
		p.write.Close()
	}
}
