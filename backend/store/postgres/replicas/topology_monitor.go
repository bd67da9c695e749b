package replicas

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// monitor probes one server until the end of the context.
func (c *Cluster) monitor(ctx context.Context, i int) {
	p := &prober{node: c.nodes[i], timeout: c.cfg.MaxLag / 2}
	defer p.disconnect(ctx)
	ticker := time.NewTicker(c.cfg.ProbeInterval)
	defer ticker.Stop()
	for {
		connected, s, err := p.probe(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.markDown(i, err)
		default:
			c.observe(i, s)
			if connected {
				c.warnIfOvercommitted(ctx, p.conn, p.node)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// prober asks one server, over a connection that it keeps.
type prober struct {
	node    *node
	timeout time.Duration
	conn    *pgx.Conn
}

// probe asks once, after connecting if need be.
func (p *prober) probe(ctx context.Context) (connected bool, s status, err error) {
	if p.conn == nil {
		// Without the timeout: the server is marked down before the attempt to connect ends.
		conn, err := pgx.ConnectConfig(ctx, p.node.probe)
		if err != nil {
			return false, s, err
		}
		p.conn, connected = conn, true
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if s, err = readStatus(ctx, p.conn.PgConn()); err != nil {
		p.disconnect(ctx)
	}
	return connected, s, err
}

func (p *prober) disconnect(ctx context.Context) {
	if p.conn == nil {
		return
	}
	// The server may not listen any more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.timeout)
	defer cancel()
	_ = p.conn.Close(ctx)
	p.conn = nil
}

// observe records the status of server i, and acts on what that changed.
func (c *Cluster) observe(i int, s status) {
	c.mu.Lock()
	first, wasStale := c.topology.timeline == 0, c.topology.servers[i].stale
	changed := c.topology.observe(i, s.observation)
	if c.topology.surveyed() {
		c.endSurvey()
	}
	c.mu.Unlock()

	n := c.nodes[i]
	switch changed {
	case unchanged:
	case promoted:
		c.log.Info("primary found", "server", n.address, "timeline", s.timeline)
		if !first {
			c.failovers.Inc()
		}
		c.primary.Reset()
		n.resetReads()
		if s.asynchronous && c.cfg.NoHistory && len(c.nodes) > 1 {
			c.log.Warn("standbys are asynchronous and no history is kept: a failover can lose events for good", "server", n.address)
		}
	case returned:
		c.log.Info("database server answers", "server", n.address, "primary", s.primary)
		n.resetReads()
	case stale:
		if !wasStale {
			c.log.Error("a database server takes writes although another one was promoted since: stop it", "server", n.address, "timeline", s.timeline)
		}
	}
}

// markDown records that server i does not answer.
func (c *Cluster) markDown(i int, err error) {
	c.mu.Lock()
	was := c.topology.servers[i]
	c.topology.markDown(i)
	if c.topology.surveyed() {
		c.endSurvey()
	}
	c.mu.Unlock()
	if was.up || !was.probed {
		c.log.Warn("database server does not answer", "server", c.nodes[i].address, "error", err)
	}
}

// resetReads closes connections that were made while the server had another role.
func (n *node) resetReads() {
	if n.reads != nil {
		n.reads.Reset()
	}
}
