package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// benchBody is about what a bot command or a small webhook weighs.
var benchBody = make([]byte, 400)

func benchEvent(n int64) *event.Event {
	return &event.Event{
		ID:          fmt.Sprintf("%08d-0000-7000-8000-000000000000", n),
		Bot:         "bench",
		Type:        "command",
		Subject:     "user",
		Time:        time.Now().UTC(),
		OrderKey:    fmt.Sprint("key-", n%1000),
		VerifiedBy:  "jwt",
		ContentType: "application/json",
		Data:        benchBody,
	}
}

// share splits b.N between callers.
func share(b *testing.B, callers int, call func(n int64) error) {
	b.ReportAllocs()
	var next atomic.Int64
	var work sync.WaitGroup
	b.ResetTimer()
	for range callers {
		work.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := call(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkPublish measures Publish, and beside it a bare loop that only inserts a row for each event,
// in a group commit; see [BenchmarkAccept] for the two in one run.
func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 16, 64, 128} {
		b.Run(fmt.Sprintf("queue/%d", callers), func(b *testing.B) {
			q := openAt(b, Config{Path: filepath.Join(b.TempDir(), "queue.db")})
			share(b, callers, func(n int64) error { return q.Publish(context.Background(), benchEvent(n)) })
		})
		b.Run(fmt.Sprintf("history/%d", callers), func(b *testing.B) {
			// Small enough that it is cut all the time.
			keep := queue.Retention{MaxAge: time.Hour, MaxBytes: 1 << 20}
			q := openAt(b, Config{Path: filepath.Join(b.TempDir(), "queue.db"), History: keep})
			share(b, callers, func(n int64) error { return q.Publish(context.Background(), benchEvent(n)) })
		})
		b.Run(fmt.Sprintf("bare/%d", callers), func(b *testing.B) {
			insert := bareLoop(b, bareSchema)
			share(b, callers, func(int64) error { return insert(benchRow) })
		})
	}
}

// benchRow is what a bare loop inserts, encoded once.
var benchRow = func() row {
	r, err := newRow(benchEvent(1))
	if err != nil {
		panic(err)
	}
	return r
}()

const (
	bareSchema  = "CREATE TABLE q (seq INTEGER PRIMARY KEY, id TEXT, attributes TEXT, content_type TEXT, data BLOB) STRICT;"
	bareIndexed = bareSchema + "CREATE UNIQUE INDEX q_id ON q (id);"
	bareInsert  = "INSERT INTO q (id, attributes, content_type, data) VALUES (?, ?, ?, ?)"
)

// bareLoop is the least that a durable publish can be on this engine; with an index, the least by which
// repeats can be known.
func bareLoop(b *testing.B, schema string) func(row) error {
	db, err := openDB(Config{Path: filepath.Join(b.TempDir(), "bare.db")}, 1)
	require.NoError(b, err)
	_, err = db.ExecContext(b.Context(), schema)
	require.NoError(b, err)
	stmt, err := db.PrepareContext(b.Context(), bareInsert)
	require.NoError(b, err)
	type request struct {
		row
		done chan error
	}
	requests := make(chan request, 1024)
	var loop sync.WaitGroup
	loop.Go(func() {
		for first := range requests {
			batch := []request{first}
			for len(requests) > 0 {
				batch = append(batch, <-requests)
			}
			err := bareCommit(db, len(batch), func(tx *sql.Tx, i int) error {
				r := batch[i]
				_, err := tx.Stmt(stmt).Exec(r.id, r.attributes, r.contentType, r.data) //nolint:sqlclosecheck // The transaction closes it.
				return err
			})
			for _, r := range batch {
				r.done <- err
			}
		}
	})
	b.Cleanup(func() {
		close(requests)
		loop.Wait()
		require.NoError(b, stmt.Close())
		require.NoError(b, db.Close())
	})
	return func(row row) error {
		r := request{row, make(chan error, 1)}
		requests <- r
		return <-r.done
	}
}

func bareCommit(db *sql.DB, n int, insert func(tx *sql.Tx, i int) error) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	for i := range n {
		if err := insert(tx, i); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	return tx.Commit()
}

// BenchmarkThrough measures publishing while both groups consume, with and without a history
// that is cut all the time.
func BenchmarkThrough(b *testing.B) {
	for name, keep := range map[string]queue.Retention{
		"off": {}, "history": {MaxAge: time.Hour, MaxBytes: 1 << 20},
	} {
		b.Run(name, func(b *testing.B) {
			q := openAt(b, Config{Path: filepath.Join(b.TempDir(), "queue.db"), History: keep})
			var work sync.WaitGroup
			for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
				c, err := q.Subscribe(b.Context(), group, queue.SubscribeOptions{})
				require.NoError(b, err)
				work.Go(func() { consume(b, c, b.N) })
			}
			share(b, 64, func(n int64) error { return q.Publish(context.Background(), benchEvent(n)) })
			work.Wait()
		})
	}
}

// consume acknowledges a number of deliveries.
func consume(b *testing.B, c queue.Consumer, left int) {
	for left > 0 {
		ds, err := c.Receive(b.Context(), 256)
		if err == nil {
			err = c.Ack(b.Context(), ds...)
		}
		if err != nil {
			b.Error(err)
			return
		}
		left -= len(ds)
	}
}

// BenchmarkConsume measures Receive and Ack of what is queued.
func BenchmarkConsume(b *testing.B) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		b.Run(string(group), func(b *testing.B) {
			q := openAt(b, Config{Path: filepath.Join(b.TempDir(), "queue.db")})
			events := make([]*event.Event, b.N)
			for i := range events {
				events[i] = benchEvent(int64(i))
			}
			require.NoError(b, q.Publish(b.Context(), events...))
			c, err := q.Subscribe(b.Context(), group, queue.SubscribeOptions{})
			require.NoError(b, err)
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N; left > 0; {
				ds, err := c.Receive(b.Context(), 256)
				require.NoError(b, err)
				require.NoError(b, c.Ack(b.Context(), ds...))
				left -= len(ds)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
