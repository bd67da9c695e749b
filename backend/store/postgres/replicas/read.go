package replicas

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/store"
)

// Read runs a read on a replica that lags by MaxLag at most, or else on the primary, as always
// for contexts of [store.Fresh]. While there is no primary, replicas go on answering all but
// fresh reads, however stale they are. When a replica fails, the read runs once more on the
// primary, so it has to be able to run twice; the replica gets half of the time until the
// deadline, and no longer than a statement may take.
func (c *Cluster) Read(ctx context.Context, read func(context.Context, *pgxpool.Pool) error) error {
	replica := c.chooseReplica(ctx)
	if replica == nil {
		return read(ctx, c.Primary())
	}
	err := c.readReplica(ctx, replica, read)
	if err == nil || ctx.Err() != nil || !retryable(err) {
		return err
	}
	c.log.Debug("replica failed, asking the primary", "error", err)
	c.count(none, replicaFailed)
	return read(ctx, c.Primary())
}

// chooseReplica returns the pool of the replica for a read, or nil for the primary.
func (c *Cluster) chooseReplica(ctx context.Context) *pgxpool.Pool {
	if store.IsFresh(ctx) {
		c.count(none, wantsFresh)
		return nil
	}
	c.mu.Lock()
	c.turn++
	i, why := c.topology.chooseReplica(time.Now(), c.cfg.MaxLag, c.turn)
	c.mu.Unlock()
	c.count(i, why)
	if i == none {
		return nil
	}
	return c.nodes[i].reads.Pool
}

func (c *Cluster) readReplica(ctx context.Context, replica *pgxpool.Pool, read func(context.Context, *pgxpool.Pool) error) error {
	limit := c.cfg.StatementTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return read(ctx, replica)
}

// retryable reports whether the primary may answer a read on which a replica failed: the
// replica is down or hangs, cancelled the read because of a conflict with recovery, or lacks a
// change of the schema yet. What overloads a replica would overload the primary as well.
func retryable(err error) bool {
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		switch refused.Code[:min(2, len(refused.Code))] {
		case "08", "40", "42", "53", "XX": // connection, conflict with recovery, missing object, resources, damage
			return true
		case "57":
			return refused.Code != "57014" // query_canceled: it took too long
		}
		return false
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, errNoAnswer) || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}
