// Package sqlite is the embedded engine of the queue: one file, shared by the processes of
// one machine, that survives kill -9 and power loss. Writes of concurrent callers share
// transactions and their fsync.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/queue"
)

var (
	_ queue.Queue    = (*Queue)(nil)
	_ queue.Consumer = (*consumer)(nil)
)

// Queue is a handle on a queue file. See [Open].
type Queue struct {
	cfg    Config
	log    *slog.Logger
	writer *writer
	// cutTo is where what was kept ends, for a queue that keeps no history any more.
	cutTo int64

	writeDB, reader, watchDB *sql.DB
	readEvent, watcher       *sql.Stmt

	desk desk.Desk // Of this process alone: that is where the answers come to.

	hearing sync.Mutex
	heard   int64 // The last request that was heard of. Guarded by hearing.

	stopHelpers context.CancelFunc
	helpers     sync.WaitGroup
	inflight    sync.WaitGroup // Calls that use the writer.
	size        atomic.Int64   // What is in use of the file, in bytes; see measure.
	waiting     atomic.Int32   // Consumers that wait for something to become ready.

	mu        sync.Mutex
	closed    bool
	consumers map[*consumer]struct{}
	// longestDelay is the longest that a delivery was delayed by.
	longestDelay time.Duration
	closing      sync.Once
	closeErr     error
}

// Subscribe implements [queue.Queue].
func (q *Queue) Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	number, err := q.numberOf(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("subscribing: %w", err)
	}
	if number >= groupParked {
		group = queue.Record
	}
	c, err := q.subscribe(group, number, boundsOf(group, opts), opts)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// subscribe starts a consumer.
func (q *Queue) subscribe(group queue.Group, number int, b bounds, opts queue.SubscribeOptions) (*consumer, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, queue.ErrClosed
	}
	owner, err := newOwner(q.cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("subscribing to the queue file: %w", err)
	}
	c := newConsumer(q, owner, group, number, b, opts)
	q.consumers[c] = struct{}{}
	go c.run()
	return c, nil
}

// Depths implements [queue.Queue]. It costs the same however many events wait.
func (q *Queue) Depths(ctx context.Context) (map[queue.Group]int64, error) {
	depths := map[queue.Group]int64{}
	err := q.read(ctx, func() error {
		rows, err := q.reader.QueryContext(ctx, selectDepths)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var (
				group queue.Group
				n     int64
			)
			if err := rows.Scan(&group, &n); err != nil {
				return err
			}
			if name, ok := strings.CutPrefix(string(group), string(queue.OfBot(""))); ok {
				group = queue.OfBot(name)
			}
			depths[group] += n
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("reading the depths of the queue file: %w", err)
	}
	return depths, nil
}

// selectDepths reads the counts under the names of the groups.
const selectDepths = `SELECT 'record', record FROM counters UNION ALL SELECT 'dispatch', dispatch FROM counters UNION ALL
	SELECT 'dead', dead FROM counters UNION ALL SELECT 'parked', parked FROM counters UNION ALL
	SELECT 'dispatch.' || name, depth FROM bots`

// DeclareBots implements [queue.Queue]. In the file all bots are in one place.
func (q *Queue) DeclareBots(context.Context, queue.Bots) error { return nil }

// Ready implements [queue.Queue]. After a failed write it says no until an event was written, and tries
// that itself: where a disk is full, there is often room for what consumers write, and for no event.
func (q *Queue) Ready(ctx context.Context) error {
	if !q.writer.failed.Load() {
		return q.read(ctx, func() error { return nil })
	}
	return q.write(ctx, 1, (*transaction).rehearse)
}

// Close implements [queue.Queue].
func (q *Queue) Close() error {
	q.closing.Do(func() { q.closeErr = q.close() })
	return q.closeErr
}

func (q *Queue) close() error {
	q.mu.Lock()
	q.closed = true
	consumers := make([]*consumer, 0, len(q.consumers))
	for c := range q.consumers {
		consumers = append(consumers, c)
	}
	q.mu.Unlock()
	var errs []error
	for _, c := range consumers {
		errs = append(errs, c.Close())
	}
	q.inflight.Wait()
	q.stopHelpers()
	q.helpers.Wait()
	return errors.Join(append(errs, q.release())...)
}

// use runs a call that uses the file; Close waits for it.
func (q *Queue) use(call func() error) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return queue.ErrClosed
	}
	q.inflight.Add(1)
	q.mu.Unlock()
	defer q.inflight.Done()
	return call()
}

// write is [writer.do] for the calls of others.
func (q *Queue) write(ctx context.Context, rows int, apply func(*transaction) error) error {
	return q.use(func() error { return q.writer.do(ctx, rows, apply) })
}

// read has a call of others read the file. What fails there is a file that can't be read.
func (q *Queue) read(ctx context.Context, read func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return q.use(func() error {
		if err := read(); err != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("%w: %w", queue.ErrUnavailable, err))
		}
		return nil
	})
}

// remove forgets a consumer that was closed.
func (q *Queue) remove(c *consumer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.consumers, c)
}

// everyGroup touches all groups.
var everyGroup = [groupCount + 1]bool{groupRecord: true, groupDispatch: true, groupDead: true, groupParked: true}

// wake has the consumers of groups look for deliveries.
func (q *Queue) wake(groups [groupCount + 1]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.consumers {
		if groups[slot(c.number)] {
			c.wake.Signal()
		}
	}
}
