package replicas

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errAcquireTimeout means that no connection was to be had in time: all are in use, or the
// server does not answer. The error says which.
var errAcquireTimeout = errors.New("no database connection in time")

// errNoAnswer is the cause of an [errAcquireTimeout] of a pool with room.
var errNoAnswer = errors.New("the server does not answer")

// pool is a pgxpool with its tracer.
type pool struct {
	*pgxpool.Pool
	tracer *poolTracer
}

func (c *Cluster) newPool(ctx context.Context, cfg *pgxpool.Config, change func(*pgxpool.Config)) (*pool, error) {
	cfg = cfg.Copy()
	cfg.ConnConfig.ValidateConnect = nil
	t := &poolTracer{acquireTimeout: c.cfg.AcquireTimeout}
	cfg.ConnConfig.Tracer = t
	change(cfg)
	made := &pool{tracer: t}
	t.reset = func() { made.Reset() }
	var err error
	made.Pool, err = pgxpool.NewWithConfig(ctx, cfg)
	return made, err
}

// poolTracer adds to a pool what pgxpool leaves out: a bound on the wait for a connection, and
// a reset when an error shows that the server's role has changed.
type poolTracer struct {
	acquireTimeout time.Duration
	timeouts       atomic.Int64
	// reset closes the pool's connections.
	reset func()
}

var (
	_ pgxpool.AcquireTracer = (*poolTracer)(nil)
	_ pgx.QueryTracer       = (*poolTracer)(nil)
	_ pgx.BatchTracer       = (*poolTracer)(nil)
)

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
func (t *poolTracer) TraceAcquireStart(caller context.Context, pool *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	ctx, cancel := context.WithTimeout(caller, t.acquireTimeout)
	return &acquireContext{ctx, caller, cancel, t.acquireTimeout, pool}
}

// TraceAcquireEnd implements [pgxpool.AcquireTracer].
func (t *poolTracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if errors.Is(data.Err, errAcquireTimeout) {
		t.timeouts.Add(1)
	}
	if a, ok := ctx.(*acquireContext); ok {
		a.cancel()
	}
}

// roleChanged are the codes that mean that the other connections are of no use either.
var roleChanged = []string{
	"25006", // read_only_sql_transaction: it is no primary any more
	"57P01", // admin_shutdown
	"57P02", // crash_shutdown
}

func (t *poolTracer) resetIfRoleChanged(err error) {
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && slices.Contains(roleChanged, refused.Code) {
		t.reset()
	}
}

// TraceQueryStart implements [pgx.QueryTracer].
func (*poolTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (t *poolTracer) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.resetIfRoleChanged(data.Err)
}

// TraceBatchStart implements [pgx.BatchTracer].
func (*poolTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (*poolTracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements [pgx.BatchTracer].
func (t *poolTracer) TraceBatchEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.resetIfRoleChanged(data.Err)
}
