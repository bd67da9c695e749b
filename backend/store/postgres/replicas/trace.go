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

// ErrAcquireTimeout means that no connection was to be had in time: all are in use, or the
// server does not answer. The error says which.
var ErrAcquireTimeout = errors.New("no database connection in time")

// errSilent is the other reason for it than a pool in full use.
var errSilent = errors.New("the server does not answer")

// tracer adds to one pool what pgxpool leaves out: a bound on the wait for a connection,
// and the end of all connections when one of them shows that the server is not any more
// what it was.
type tracer struct {
	acquireTimeout time.Duration
	timeouts       atomic.Int64
	// reset ends the pool's connections.
	reset func()
}

var (
	_ pgxpool.AcquireTracer = (*tracer)(nil)
	_ pgx.QueryTracer       = (*tracer)(nil)
	_ pgx.BatchTracer       = (*tracer)(nil)
	_ pgx.CopyFromTracer    = (*tracer)(nil)
	_ pgx.PrepareTracer     = (*tracer)(nil)
)

// acquisition is the context of one wait for a connection, whose error says why it ended.
type acquisition struct {
	context.Context
	caller context.Context
	cancel context.CancelFunc
	wait   time.Duration
	pool   *pgxpool.Pool
}

// Err implements [context.Context].
func (a *acquisition) Err() error {
	err := a.Context.Err()
	if !errors.Is(err, context.DeadlineExceeded) || a.caller.Err() != nil {
		return err
	}
	if s := a.pool.Stat(); s.AcquiredConns() >= s.MaxConns() {
		return fmt.Errorf("%w: all %d of the pool are in use for %s", ErrAcquireTimeout, s.MaxConns(), a.wait)
	}
	return fmt.Errorf("%w: %w within %s", ErrAcquireTimeout, errSilent, a.wait)
}

// TraceAcquireStart implements [pgxpool.AcquireTracer].
func (t *tracer) TraceAcquireStart(caller context.Context, pool *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	ctx, cancel := context.WithTimeout(caller, t.acquireTimeout)
	return &acquisition{ctx, caller, cancel, t.acquireTimeout, pool}
}

// TraceAcquireEnd implements [pgxpool.AcquireTracer].
func (t *tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if errors.Is(data.Err, ErrAcquireTimeout) {
		t.timeouts.Add(1)
	}
	if a, ok := ctx.(*acquisition); ok {
		a.cancel()
	}
}

// These mean that the other connections are of no use either.
var serverChanged = []string{
	"25006", // read_only_sql_transaction: it is no primary any more
	"57P01", // admin_shutdown
	"57P02", // crash_shutdown
}

func (t *tracer) look(err error) {
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && slices.Contains(serverChanged, refused.Code) {
		t.reset()
	}
}

// TraceQueryStart implements [pgx.QueryTracer].
func (*tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (t *tracer) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.look(data.Err)
}

// TraceBatchStart implements [pgx.BatchTracer].
func (*tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (*tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements [pgx.BatchTracer].
func (t *tracer) TraceBatchEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.look(data.Err)
}

// TraceCopyFromStart implements [pgx.CopyFromTracer].
func (*tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return ctx
}

// TraceCopyFromEnd implements [pgx.CopyFromTracer].
func (t *tracer) TraceCopyFromEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	t.look(data.Err)
}

// TracePrepareStart implements [pgx.PrepareTracer].
func (*tracer) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	return ctx
}

// TracePrepareEnd implements [pgx.PrepareTracer].
func (t *tracer) TracePrepareEnd(_ context.Context, _ *pgx.Conn, data pgx.TracePrepareEndData) {
	t.look(data.Err)
}
