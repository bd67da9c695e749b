package replicas

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	errStandby  = errors.New("the server is a standby")
	errReadOnly = errors.New("the server takes no writes")
)

// toPrimary makes a pool connect to the primary only. All servers are looked at before,
// since more than one of them may take writes. The primary is tried first, since the hosts
// before it may be gone without a word.
func (p *Pools) toPrimary(c *pgxpool.Config) {
	several := len(hosts(&c.ConnConfig.Config)) > 1
	c.BeforeConnect = func(ctx context.Context, conn *pgx.ConnConfig) error {
		p.awaitSurvey(ctx, conn.ConnectTimeout)
		if address, known := p.primaryAddress(); known {
			first(&conn.Config, address)
		}
		return nil
	}
	c.ConnConfig.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		says, err := ask(ctx, conn)
		if err != nil {
			return err
		}
		return p.takesWrites(says, several)
	}
}

// takesWrites returns why a server is not to be written to. One that was the primary before
// a promotion and came back as if nothing had happened would take writes, and they would be
// lost. A single server that is set to read-only still answers reads.
func (p *Pools) takesWrites(says answer, several bool) error {
	p.mu.Lock()
	known := p.topology.timeline
	p.mu.Unlock()
	switch {
	case !says.primary:
		return errStandby
	case says.readOnly && several:
		return errReadOnly
	case says.timeline < known:
		return fmt.Errorf("the server is on timeline %d, but %d was promoted since; if it was restored on purpose, restart Botgate", says.timeline, known)
	}
	return nil
}

func (p *Pools) primaryAddress() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.topology.primary == none {
		return "", false
	}
	return p.nodes[p.topology.primary].address, true
}

// awaitSurvey waits until all servers were asked once, but no longer than one of them may take.
func (p *Pools) awaitSurvey(ctx context.Context, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.surveyed:
	case <-ctx.Done():
	case <-timer.C:
	}
}
