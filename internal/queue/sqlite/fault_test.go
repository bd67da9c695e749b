package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sqlite3 "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/botgate/botgate/internal/queue"
)

func newQueue(t *testing.T, cfg Config) *Queue {
	t.Helper()
	cfg.Path = filepath.Join(t.TempDir(), "queue.db")
	return openAt(t, cfg)
}

// direct is a connection past the queue.
func direct(t *testing.T, q *Queue) *sql.Conn {
	t.Helper()
	db, err := openDB(q.cfg, 1)
	require.NoError(t, err)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		require.NoError(t, db.Close())
	})
	return conn
}

func execute(t *testing.T, conn *sql.Conn, text string, args ...any) {
	t.Helper()
	_, err := conn.ExecContext(t.Context(), text, args...)
	require.NoError(t, err)
}

func requireDepth(t *testing.T, q *Queue, group queue.Group, want int64) {
	t.Helper()
	depths, err := q.Depths(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, depths[group])
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	execute(t, q.writer.conn, "PRAGMA max_page_count = 60")
	large := testEvent("key")
	large.Data = bytes.Repeat([]byte("x"), 1<<20)
	require.ErrorIs(t, q.Publish(t.Context(), testEvent("key"), large), queue.ErrUnavailable)
	requireDepth(t, q, queue.Record, 0)

	require.NoError(t, q.Publish(t.Context(), testEvent("key")), "a smaller event still fits")
	execute(t, q.writer.conn, "PRAGMA max_page_count = 1000000")
	require.NoError(t, q.Publish(t.Context(), large))
	require.Equal(t, 1, drainGroup(t, q, queue.Dispatch)[large.ID])
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	_, err := sqlite3.Limit(q.writer.conn, lib.SQLITE_LIMIT_LENGTH, 100_000)
	require.NoError(t, err)
	large := testEvent("key")
	large.Data = make([]byte, 200_000)
	require.ErrorIs(t, q.Publish(t.Context(), testEvent("key"), large), queue.ErrTooLarge)
	requireDepth(t, q, queue.Record, 0)
}

func TestReadyAfterFailure(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{BusyTimeout: 20 * time.Millisecond})
	require.NoError(t, q.Ready(t.Context()))
	other := direct(t, q)
	execute(t, other, "BEGIN IMMEDIATE")
	require.ErrorIs(t, q.Publish(t.Context(), testEvent("key")), queue.ErrUnavailable)
	require.ErrorIs(t, q.Ready(t.Context()), queue.ErrUnavailable)
	execute(t, other, "ROLLBACK")
	require.NoError(t, q.Ready(t.Context()))
	require.NoError(t, q.Publish(t.Context(), testEvent("key")))
	requireDepth(t, q, queue.Record, 1)
}

// TestReadyOnAFullDisk has room for what is small, and for no event.
func TestReadyOnAFullDisk(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	execute(t, q.writer.conn, "PRAGMA max_page_count = 60")
	accepted := int64(0)
	var err error
	for ; err == nil; accepted++ {
		require.Less(t, accepted, int64(1000))
		e := testEvent("key")
		e.Data = make([]byte, 1000)
		err = q.Publish(t.Context(), e)
	}
	accepted--
	require.ErrorIs(t, err, queue.ErrUnavailable)
	small := func(tx *transaction) error { tx.changed = true; return nil }
	require.NoError(t, q.writer.do(t.Context(), 1, small))
	require.ErrorIs(t, q.Ready(t.Context()), queue.ErrUnavailable)
	require.NoError(t, q.writer.do(t.Context(), 1, small))
	require.ErrorIs(t, q.Ready(t.Context()), queue.ErrUnavailable, "still")

	execute(t, q.writer.conn, "PRAGMA max_page_count = 1000000")
	before := logSize(t, q)
	require.NoError(t, q.Ready(t.Context()))
	require.Greater(t, logSize(t, q), before+rehearsed, "what was taken back was written")
	require.False(t, q.writer.failed.Load())
	requireDepth(t, q, queue.Record, accepted)
	require.NoError(t, q.Publish(t.Context(), testEvent("key")))
	require.Len(t, drainGroup(t, q, queue.Record), int(accepted)+1)
}

// logSize is the size of what SQLite writes ahead.
func logSize(t *testing.T, q *Queue) int64 {
	t.Helper()
	info, err := os.Stat(q.cfg.Path + "-wal")
	require.NoError(t, err)
	return info.Size()
}

// TestCancelWhileQueued leaves while another process keeps the writer waiting.
func TestCancelWhileQueued(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{BusyTimeout: time.Minute})
	other := direct(t, q)
	execute(t, other, "BEGIN IMMEDIATE")
	first := make(chan error, 1)
	taken := &operation{rows: 1, done: first, apply: func(*transaction) error { return nil }}
	q.writer.ops <- taken
	require.Eventually(t, taken.taken.Load, time.Minute, time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, q.Publish(ctx, testEvent("key")), context.DeadlineExceeded)
	execute(t, other, "ROLLBACK")
	require.NoError(t, <-first)
	require.NoError(t, q.Publish(t.Context(), testEvent("key")))
	requireDepth(t, q, queue.Record, 1)
}

// TestNeighbours has one operation of a transaction fail.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	broken := errors.New("broken")
	batch := make([]*operation, 3)
	for i := range batch {
		r, err := newRow(testEvent("key"))
		require.NoError(t, err)
		batch[i] = &operation{rows: 1, done: make(chan error, 1), apply: func(tx *transaction) error {
			if _, err := tx.add(&r, time.Now().UnixNano()); err != nil || i != 1 {
				return err
			}
			return broken
		}}
	}
	q.writer.execute(t.Context(), batch) // The writer's own goroutine is idle.
	require.NoError(t, <-batch[0].done)
	require.ErrorIs(t, <-batch[1].done, broken)
	require.NoError(t, <-batch[2].done)
	requireDepth(t, q, queue.Record, 2)
}

// TestUnreadable damages an event: the rest of its order key goes on without it.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	damaged, next := testEvent("key"), testEvent("key")
	require.NoError(t, q.Publish(t.Context(), damaged, next))
	execute(t, direct(t, q), "UPDATE events SET attributes = '{' WHERE seq = 1")
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	ds, err := c.Receive(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, next.ID, ds[0].Event.ID)
	require.NoError(t, c.Ack(t.Context(), ds...))
	requireDepth(t, q, queue.Dispatch, 1)
}

// TestLostDeliveries has another handle believe that this one is gone.
func TestLostDeliveries(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	require.NoError(t, q.Publish(t.Context(), testEvent("a"), testEvent("b")))
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	var ds []*queue.Delivery
	for len(ds) < 2 {
		more, err := c.Receive(t.Context(), 2)
		require.NoError(t, err)
		ds = append(ds, more...)
	}
	execute(t, direct(t, q), "UPDATE deliveries SET owner = owner + 1 WHERE grp = 1 AND id = ?", ds[0].Token.(*lease).id)
	require.ErrorIs(t, c.Ack(t.Context(), ds...), queue.ErrLost)
	requireDepth(t, q, queue.Record, 1)

	// The number that it now has belongs to nobody, so it comes again.
	again, err := c.Receive(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, ds[0].Event.ID, again[0].Event.ID)
	require.NoError(t, c.Ack(t.Context(), again...))
	requireDepth(t, q, queue.Record, 0)
}

func TestRepeatWindow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		age  time.Duration
		want int
	}{
		"over": {2 * time.Hour, 1},
		"open": {time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t, Config{RepeatWindow: time.Hour})
			e := testEvent("key")
			require.NoError(t, q.writer.do(t.Context(), 1, func(tx *transaction) error {
				for range 2*sweepStep + 1 {
					if _, err := tx.exec(tx.remember, seenKey(testEvent("").ID), time.Now().UnixNano()); err != nil {
						return err
					}
				}
				return nil
			}))
			require.NoError(t, q.Publish(t.Context(), e))
			drainGroup(t, q, queue.Record)
			drainGroup(t, q, queue.Dispatch)
			execute(t, direct(t, q), "UPDATE seen SET at = at - ?", int64(test.age))
			require.NoError(t, q.sweep(t.Context(), time.Now()))
			require.NoError(t, q.Publish(t.Context(), e))
			require.Len(t, drainGroup(t, q, queue.Record), test.want)
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("no database "), 100), 0o600))
	other := filepath.Join(dir, "other.db")
	q := openAt(t, Config{Path: other})
	execute(t, direct(t, q), "PRAGMA user_version = 99")
	for name, path := range map[string]string{
		"no path":                "",
		"a folder":               dir,
		"a folder that is none":  filepath.Join(file, "queue.db"),
		"another kind of file":   file,
		"another format":         other,
		"a folder of the system": filepath.Join(os.DevNull, "queue.db"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), Config{Path: path})
			require.ErrorContains(t, err, "queue file")
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}
