package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	// reapInterval is how often a handle looks for owners that are gone.
	reapInterval = time.Second
	// longestSweep bounds the time between two looks at all ids for those that are older
	// than the repeat window; otherwise it is an eighth of the window, and at least a second.
	longestSweep = time.Hour
	// sweepStep is how many ids one transaction forgets, so that none gets long.
	sweepStep = 500
)

// janitor releases what dead processes left, cuts the history, hears of requests and forgets old ids, until
// the context ends.
func (q *Queue) janitor(ctx context.Context) {
	reap, sweep := time.NewTicker(reapInterval), time.NewTicker(min(max(q.cfg.RepeatWindow/8, time.Second), longestSweep))
	defer reap.Stop()
	defer sweep.Stop()
	clock := newAgeClock(q.log)
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-reap.C:
			err = errors.Join(q.measure(ctx), q.reap(ctx), q.cutHistory(ctx, clock.now()), q.hear(ctx), q.takeIn(ctx))
		case <-sweep.C:
			err = q.sweep(ctx, clock.now())
		}
		if err != nil && ctx.Err() == nil {
			q.log.Warn("cleaning the queue file up failed", slog.Any("error", err))
		}
	}
}

// sweep forgets ids that were seen before the repeat window. It walks through all ids in
// steps, so that others can write in between.
func (q *Queue) sweep(ctx context.Context, now time.Time) error {
	for after, more := []byte{}, true; more; {
		var last []byte
		err := q.writer.do(ctx, 1, func(tx *transaction) error {
			var n int
			if err := tx.stepEnd.QueryRowContext(tx.ctx, after, sweepStep).Scan(&last, &n); err != nil || n == 0 {
				more = false
				return err
			}
			more = n == sweepStep
			_, err := tx.exec(tx.forget, after, last, now.Add(-q.cfg.RepeatWindow).UnixNano())
			return err
		})
		if err != nil {
			return err
		}
		after = last
	}
	return nil
}

// watchInterval is how often a handle with a waiting consumer looks whether another
// process wrote. Writers of this process wake consumers themselves.
const watchInterval = 10 * time.Millisecond

// watch wakes the consumers when the file has changed, until the context ends. It is the
// only one that uses its connection, because SQLite reports changes for each connection.
func (q *Queue) watch(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	lasting := context.WithoutCancel(ctx) // One that can end would cost a goroutine for each look.
	var last int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if q.waiting.Load() == 0 {
			continue
		}
		var version int64
		// The next read or write reports an error that lasts.
		if err := q.watcher.QueryRowContext(lasting).Scan(&version); err == nil && version != last {
			last = version
			q.wake(everyGroup)
		}
	}
}
