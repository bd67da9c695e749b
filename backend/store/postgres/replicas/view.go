package replicas

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// View runs a read on the pool that [Pools.Read] chooses, and once more on the primary when
// a replica fails: read has to be able to run twice. The replica gets half of the time until
// the deadline, and no longer than a statement may take.
func (p *Pools) View(ctx context.Context, read func(context.Context, *pgxpool.Pool) error) error {
	chosen, atReplica := p.choose(ctx)
	if !atReplica {
		return read(ctx, chosen)
	}
	err := p.tryReplica(ctx, chosen, read)
	if err == nil || ctx.Err() != nil || !replicaToBlame(err) {
		return err
	}
	p.log.Debug("replica failed, asking the primary", "error", err)
	p.stats.count(none, replicaFailed)
	return read(ctx, p.write.Pool)
}

func (p *Pools) tryReplica(ctx context.Context, chosen *pgxpool.Pool, read func(context.Context, *pgxpool.Pool) error) error {
	limit := p.cfg.StatementTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return read(ctx, chosen)
}

// replicaToBlame reports whether the primary may give another answer: the replica is gone
// or hangs, had to cancel the read to go on replaying, or lacks a change of the schema yet.
// What overloads a replica would overload the primary as well.
func replicaToBlame(err error) bool {
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		switch refused.Code[:min(2, len(refused.Code))] {
		case "08", "40", "42", "53", "XX": // connection, conflict with replay, missing object, resources, damage
			return true
		case "57":
			return refused.Code != "57014" // query_canceled: it took too long
		}
		return false
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, errSilent) || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}
