package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// reconnectBackoff spreads the clients of a broker that comes back.
var reconnectBackoff = retry.Backoff{Min: 400 * time.Millisecond, Max: 10 * time.Second, Jitter: 0.5}

// firstWait bounds how long a caller waits for the very first connection. Later on, a
// broker that is down is reported at once.
const firstWait = 2 * time.Second

var errNotConnected = errors.New("not connected yet")

// reconnector keeps one connection to the broker up, as long as run runs.
type reconnector struct {
	name string
	open func(ctx context.Context, name string) (*connection, error)
	log  *slog.Logger

	now atomic.Pointer[connected] // Written by run alone.
}

// connected is what a reconnector has at a time.
type connected struct {
	conn    *connection   // Nil while there is none.
	err     error         // Why there is none; at first errNotConnected.
	changed chan struct{} // Closed at the next change.
}

func newReconnector(
	name string, log *slog.Logger, open func(context.Context, string) (*connection, error),
) *reconnector {
	r := &reconnector{name: name, open: open, log: log.With("connection", name)}
	r.now.Store(&connected{err: errNotConnected, changed: make(chan struct{})})
	return r
}

// run connects, waits for the end of the connection, and connects again, until ctx ends.
func (r *reconnector) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		conn, err := r.open(ctx, r.name)
		if err == nil {
			failures = 0
			r.set(conn, nil)
			r.log.Info("connected to the queue")
			err = conn.run(ctx)
		}
		r.set(nil, err)
		if ctx.Err() != nil {
			return
		}
		failures++
		pause := reconnectBackoff.Delay(failures)
		r.log.Warn("no connection to the queue", "error", err, "retry_in", pause)
		retry.Sleep(ctx, pause)
	}
}

func (r *reconnector) set(conn *connection, err error) {
	before := r.now.Swap(&connected{conn, err, make(chan struct{})})
	close(before.changed)
}

// get returns the connection or why there is none, and a channel that is closed at the next
// change.
func (r *reconnector) get() (conn *connection, changed <-chan struct{}, err error) {
	now := r.now.Load()
	return now.conn, now.changed, now.err
}

// connection returns the connection, or ErrUnavailable. It waits for the first one only.
func (r *reconnector) connection(ctx context.Context) (*connection, error) {
	conn, changed, err := r.get()
	if errors.Is(err, errNotConnected) {
		retry.Wait(ctx, changed, firstWait)
		conn, _, err = r.get()
	}
	switch {
	case conn != nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w: %w", queue.ErrUnavailable, err, ctx.Err())
	}
	return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
}

// await waits for a connection until the context ends.
func (r *reconnector) await(ctx context.Context) (*connection, error) {
	for {
		conn, changed, _ := r.get()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
