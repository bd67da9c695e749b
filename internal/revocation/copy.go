package revocation

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/background"
	"github.com/botgate/botgate/internal/retry"
)

// defaultInterval is how soon a revocation works everywhere.
const defaultInterval = time.Second

// Copy follows a store until it is closed; the last copy stays. It may be used concurrently.
type Copy struct {
	*background.Tasks
	store    Store
	interval time.Duration
	logger   *slog.Logger
	list     atomic.Pointer[List]
	// first is closed after the first copy was made.
	first chan struct{}
}

// Follow starts to copy the store's revocations, and again every interval, which is
// [defaultInterval] when it is zero. While the store is unavailable, the last copy stays.
func Follow(store Store, interval time.Duration, logger *slog.Logger) *Copy {
	c := &Copy{
		Tasks: background.New(), store: store, interval: cmp.Or(interval, defaultInterval), logger: logger,
		first: make(chan struct{}),
	}
	c.Go(c.run)
	return c
}

// Current returns the last copy. It waits for the first one only, and no longer than wait;
// then it is nil.
func (c *Copy) Current(ctx context.Context, wait time.Duration) *List {
	if list := c.list.Load(); list != nil {
		return list
	}
	retry.Wait(ctx, c.first, wait)
	return c.list.Load()
}

// Revoke adds the entry to the store that is copied, and returns where that is.
func (c *Copy) Revoke(ctx context.Context, entry Entry) (place string, err error) {
	return c.store.String(), c.store.Revoke(ctx, entry)
}

func (c *Copy) run(ctx context.Context) {
	for well := c.load(ctx, true); retry.Sleep(ctx, c.interval); {
		well = c.load(ctx, well)
	}
}

// load reports whether it worked. It logs only when that changes.
func (c *Copy) load(ctx context.Context, wasWell bool) bool {
	attempt, cancel := context.WithTimeout(ctx, max(c.interval, defaultInterval))
	defer cancel()
	list, err := c.store.Load(attempt, c.list.Load())
	switch {
	case err == nil:
		if c.list.Swap(list) == nil {
			close(c.first)
		}
		if !wasWell {
			c.logger.InfoContext(ctx, "revocations can be read again")
		}
	case wasWell && ctx.Err() == nil:
		c.logger.ErrorContext(ctx, "revocations can't be read, those known stay in force", slog.Any("error", err))
	}
	return err == nil
}
