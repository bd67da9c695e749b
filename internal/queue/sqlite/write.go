package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// lockBackoff is the pause between two attempts to get the write lock.
var lockBackoff = retry.Backoff{Min: time.Millisecond, Jitter: 1}

// writer is the one goroutine that writes. It joins the operations of all callers that
// wait at the moment into one transaction, so that they share its fsync.
type writer struct {
	conn      *sql.Conn
	stmts     *statements
	maxBatch  int
	busy      time.Duration
	keeps     bool // Whether there is a history.
	committed func(*transaction)

	ops    chan *operation
	stop   chan struct{}
	ended  chan struct{}
	failed atomic.Bool // Whether a transaction failed, and none since then wrote an event.
}

// operation is what one caller wants done. The caller may cancel it while it waits, but not
// once the writer has taken it: then its memory is in use.
type operation struct {
	rows  int
	apply func(*transaction) error
	done  chan error
	taken atomic.Bool // Set once: by the writer, or by the caller that cancels.
}

// applyError is the failure of one operation among those of a transaction.
type applyError struct{ err error }

func (e *applyError) Error() string { return e.err.Error() }
func (e *applyError) Unwrap() error { return e.err }

// newWriter starts the writer, which runs until close; the context gives it values only.
func newWriter(ctx context.Context, conn *sql.Conn, stmts *statements, cfg Config, committed func(*transaction)) *writer {
	w := &writer{
		conn:      conn,
		stmts:     stmts,
		maxBatch:  cfg.MaxBatch,
		busy:      cfg.BusyTimeout,
		keeps:     !cfg.History.Off(),
		committed: committed,
		ops:       make(chan *operation, cfg.MaxBatch),
		stop:      make(chan struct{}),
		ended:     make(chan struct{}),
	}
	go w.run(context.WithoutCancel(ctx))
	return w
}

// do has apply executed in a transaction and returns once that is durable. The function
// may be executed twice and must then start over. Its error is one of the database;
// what else it has to say it leaves in its closure. When the context ends first and do
// returns its error, nothing was or will be done.
func (w *writer) do(ctx context.Context, rows int, apply func(*transaction) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	op := &operation{rows: rows, apply: apply, done: make(chan error, 1)}
	select {
	case w.ops <- op:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-op.done:
		return err
	case <-ctx.Done():
		if op.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-op.done
	}
}

// close ends the writer. No call of do may be under way or follow.
func (w *writer) close() error {
	close(w.stop)
	<-w.ended
	return errors.Join(w.stmts.close(), w.conn.Close())
}

func (w *writer) run(ctx context.Context) {
	defer close(w.ended)
	for {
		select {
		case first := <-w.ops:
			w.execute(ctx, w.collect(first))
		case <-w.stop:
			return
		}
	}
}

// collect takes what else waits, without waiting for it.
func (w *writer) collect(first *operation) []*operation {
	// The callers of the last transaction were just woken; letting them run first puts
	// what they want next into this transaction instead of the one after.
	runtime.Gosched()
	var batch []*operation
	rows := 0
	for op := first; ; {
		if op.taken.CompareAndSwap(false, true) {
			batch = append(batch, op)
			rows += op.rows
		}
		if rows >= w.maxBatch {
			return batch
		}
		select {
		case op = <-w.ops:
		default:
			return batch
		}
	}
}

// execute answers every operation. Where one of several made the transaction fail, each
// gets one of its own, so that nobody fails for a neighbour.
func (w *writer) execute(ctx context.Context, batch []*operation) {
	if len(batch) == 0 {
		return
	}
	err := w.transact(ctx, batch)
	var apply *applyError
	if errors.As(err, &apply) && len(batch) > 1 {
		for _, op := range batch {
			op.done <- w.transact(ctx, []*operation{op})
		}
		return
	}
	for _, op := range batch {
		op.done <- err
	}
}

// transact executes operations in one transaction. No caller's context ends it, because it
// belongs to many callers; the busy timeout bounds it.
func (w *writer) transact(ctx context.Context, batch []*operation) error {
	tx := &transaction{ctx: ctx, statements: w.stmts, keeps: w.keeps}
	err := w.attempt(ctx, tx, batch)
	if err != nil {
		w.failed.Store(true)
		// It fails where SQLite has rolled back already, or never began.
		_, _ = w.conn.ExecContext(ctx, "ROLLBACK")
		return fmt.Errorf("%w: %w", classify(err), err)
	}
	if tx.wrote {
		w.failed.Store(false)
	}
	w.committed(tx)
	return nil
}

func (w *writer) attempt(ctx context.Context, tx *transaction, batch []*operation) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	if err := tx.load(); err != nil {
		return err
	}
	for _, op := range batch {
		if err := op.apply(tx); err != nil {
			return &applyError{err}
		}
	}
	if err := tx.save(); err != nil {
		return err
	}
	_, err := w.conn.ExecContext(ctx, "COMMIT")
	return err
}

// begin waits for the write lock, of which there is one for all processes. SQLite's own
// way to wait sleeps up to 100 ms at a time and would lose against a busy neighbour.
func (w *writer) begin(ctx context.Context) (err error) {
	waiting, cancel := context.WithTimeout(ctx, w.busy)
	defer cancel()
	lockBackoff.Until(waiting, func() bool {
		_, err = w.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		return primaryCode(err) != lib.SQLITE_BUSY
	})
	return err
}

// classify maps an error of the database to one of the queue. After an input or output
// error it is unknown what of the transaction the disk has; otherwise nothing is there.
func classify(err error) error {
	switch primaryCode(err) {
	case lib.SQLITE_IOERR:
		return queue.ErrUnconfirmed
	case lib.SQLITE_TOOBIG:
		return queue.ErrTooLarge
	}
	return queue.ErrUnavailable
}

// primaryCode is SQLite's result code without its extension, 0 for no error of SQLite.
func primaryCode(err error) int {
	var e *sqlite3.Error
	if !errors.As(err, &e) {
		return lib.SQLITE_OK
	}
	return e.Code() & 0xff
}
