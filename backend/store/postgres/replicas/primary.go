package replicas

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/internal/retry"
)

var (
	errStandby  = errors.New("the server is a standby")
	errReadOnly = errors.New("the server takes no writes")
)

// connectToPrimary makes a pool connect to the primary only. Of several hosts the first connection
// waits until all servers were probed, since more than one of them may take writes. The known primary is
// tried first: the hosts before it may be down, and time out one after the other.
func (c *Cluster) connectToPrimary(cfg *pgxpool.Config) {
	several := len(hosts(&cfg.ConnConfig.Config)) > 1
	cfg.BeforeConnect = func(ctx context.Context, conn *pgx.ConnConfig) error {
		if several {
			retry.Wait(ctx, c.surveyed, conn.ConnectTimeout) // No longer than one of them may take.
		}
		if address, known := c.primaryAddress(); known {
			hostFirst(&conn.Config, address)
		}
		return nil
	}
	cfg.ConnConfig.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		s, err := readStatus(ctx, conn)
		if err != nil {
			return err
		}
		return c.checkPrimary(s, several)
	}
}

// checkPrimary returns why a server is not to be written to. A former primary that comes back
// on an old timeline would take writes, and they would be lost. A single server that is set to
// read-only still answers reads.
func (c *Cluster) checkPrimary(s status, several bool) error {
	c.mu.Lock()
	known := c.topology.timeline
	c.mu.Unlock()
	switch {
	case !s.primary:
		return errStandby
	case s.readOnly && several:
		return errReadOnly
	case s.timeline < known:
		return fmt.Errorf("the server is on timeline %d, but %d was promoted since; if it was restored on purpose, restart Botgate", s.timeline, known)
	}
	return nil
}

func (c *Cluster) primaryAddress() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.topology.primary == none {
		return "", false
	}
	return c.nodes[c.topology.primary].address, true
}
