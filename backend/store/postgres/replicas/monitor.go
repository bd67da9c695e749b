package replicas

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// monitor asks one server for its role and position until the end of the context.
func (p *Pools) monitor(ctx context.Context, i int) {
	m := &monitored{node: p.nodes[i], timeout: p.cfg.MaxLag / 2}
	defer m.disconnect()
	ticker := time.NewTicker(p.cfg.ProbeInterval)
	defer ticker.Stop()
	for {
		connected, says, err := m.probe(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.lost(i, err)
		default:
			p.observe(i, says)
			if connected {
				p.checkFit(ctx, m.conn, m.node)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// monitored is a server with the connection that asks it.
type monitored struct {
	node    *node
	timeout time.Duration
	conn    *pgconn.PgConn
}

// probe asks once, after connecting anew if need be.
func (m *monitored) probe(ctx context.Context) (connected bool, says answer, err error) {
	if m.conn == nil {
		// A dead server is lost before the connection attempt ends.
		conn, err := pgx.ConnectConfig(ctx, m.node.probe)
		if err != nil {
			return false, says, err
		}
		m.conn, connected = conn.PgConn(), true
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	if says, err = ask(ctx, m.conn); err != nil {
		m.disconnect()
	}
	return connected, says, err
}

func (m *monitored) disconnect() {
	if m.conn == nil {
		return
	}
	// The server may not listen any more.
	ctx, cancel := context.WithTimeout(context.Background(), m.timeout)
	defer cancel()
	_ = m.conn.Close(ctx)
	m.conn = nil
}

// observe takes what server i said, and acts on what that changed.
func (p *Pools) observe(i int, says answer) {
	p.mu.Lock()
	first, wasOutdated := p.topology.timeline == 0, p.topology.servers[i].outdated
	changed := p.topology.observe(i, says.sight)
	p.publish()
	p.mu.Unlock()

	n := p.nodes[i]
	switch changed {
	case promoted:
		p.log.Info("primary found", "server", n.address, "timeline", says.timeline)
		if !first {
			p.stats.failovers.Inc()
		}
		p.write.Reset()
		n.resetReads()
	case returned:
		p.log.Info("database server answers", "server", n.address, "primary", says.primary)
		n.resetReads()
	case outdated:
		if !wasOutdated {
			p.log.Error("a database server takes writes although another one was promoted since: stop it", "server", n.address, "timeline", says.timeline)
		}
	}
}

// lost takes that server i does not answer.
func (p *Pools) lost(i int, err error) {
	p.mu.Lock()
	was := p.topology.servers[i]
	p.topology.lost(i)
	p.publish()
	p.mu.Unlock()
	if was.up || !was.asked {
		p.log.Warn("database server does not answer", "server", p.nodes[i].address, "error", err)
	}
}

// resetReads ends connections that were made to the server when it was something else.
func (n *node) resetReads() {
	if n.read != nil {
		n.read.Reset()
	}
}

// publish lets reads and connection attempts know what the topology is. The caller holds mu.
func (p *Pools) publish() {
	p.table.Store(p.topology.table())
	select {
	case <-p.surveyed:
	default:
		if p.topology.surveyed() {
			close(p.surveyed)
		}
	}
}
