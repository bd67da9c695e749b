package sqlite

import (
	"context"
	"time"
)

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
