package replicas

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errAcquireTimeout means that no connection was to be had in time: all are in use, or the
// server does not answer. The error says which.
var errAcquireTimeout = errors.New("no database connection in time")

// errNoAnswer is the cause of an [errAcquireTimeout] of a pool with room.
var errNoAnswer = errors.New("the server does not answer")

// pool is a pgxpool with what that leaves out: a bound on the wait for a connection, and a reset
// when an error shows that the server's role has changed.
type pool struct {
	*pgxpool.Pool
	tracer
	acquireTimeout time.Duration
	timeouts       atomic.Int64
}

var _ pgxpool.AcquireTracer = (*pool)(nil)

// roleChanged are the codes that mean that the other connections are of no use either.
var roleChanged = []string{
	"25006", // read_only_sql_transaction: it is no primary any more
	"57P01", // admin_shutdown
	"57P02", // crash_shutdown
}

func (c *Cluster) newPool(ctx context.Context, cfg *pgxpool.Config, change func(*pgxpool.Config)) (*pool, error) {
	cfg = cfg.Copy()
	cfg.ConnConfig.ValidateConnect = nil
	made := &pool{tracer: tracer{c.slow}, acquireTimeout: c.cfg.AcquireTimeout}
	cfg.ConnConfig.Tracer = made
	var reset atomic.Value // Connections may be made before the pool is returned.
	closeIfFatal := cfg.ConnConfig.OnPgError
	cfg.ConnConfig.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		if now, ok := reset.Load().(func()); ok && slices.Contains(roleChanged, err.Code) {
			now()
		}
		return closeIfFatal(conn, err)
	}
	change(cfg)
	var err error
	if made.Pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	reset.Store(made.Reset)
	return made, nil
}

// acquireContext is the context of one wait for a connection, whose error says why it ended.
type acquireContext struct {
	context.Context
	caller context.Context
	cancel context.CancelFunc
	wait   time.Duration
	pool   *pgxpool.Pool
}

// Err implements [context.Context].
func (a *acquireContext) Err() error {
	err := a.Context.Err()
	if !errors.Is(err, context.DeadlineExceeded) || a.caller.Err() != nil {
		return err
	}
	if s := a.pool.Stat(); s.AcquiredConns() >= s.MaxConns() {
		return fmt.Errorf("%w: all %d of the pool are in use for %s", errAcquireTimeout, s.MaxConns(), a.wait)
	}
	return fmt.Errorf("%w: %w within %s", errAcquireTimeout, errNoAnswer, a.wait)
}

// TraceAcquireStart implements [pgxpool.AcquireTracer].
func (p *pool) TraceAcquireStart(caller context.Context, pool *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	ctx, cancel := context.WithTimeout(caller, p.acquireTimeout)
	return &acquireContext{ctx, caller, cancel, p.acquireTimeout, pool}
}

// TraceAcquireEnd implements [pgxpool.AcquireTracer].
func (p *pool) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if errors.Is(data.Err, errAcquireTimeout) {
		p.timeouts.Add(1)
	}
	if a, ok := ctx.(*acquireContext); ok {
		a.cancel()
	}
}
