package cache

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"
)

// refreshRetry is how long a value that could not be loaded again is answered until the
// next try.
const refreshRetry = time.Second

var errPanicked = errors.New("loading it panicked; the log has the stack")

// flight is a load under way.
type flight[V any] struct {
	key  string
	load Load[V]
	// refresh is the stale entry that is to be replaced; nil where there is none.
	refresh *entry[V]
	// fresh means that the key was written not long ago, invalidated that it was written
	// meanwhile. Both belong to the cache's lock.
	fresh, invalidated bool

	done  chan struct{}
	entry *entry[V]
	err   error
}

func (f *flight[V]) wait(ctx context.Context) (*entry[V], error) {
	select {
	case <-f.done:
		return f.entry, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join returns the entry of a key, if there is one by now, or the flight that gets it.
func (c *Cache[V]) join(ctx context.Context, key string, load Load[V]) (*entry[V], *flight[V], error) {
	c.mu.Lock()
	e, f := c.lookup(key)
	c.mu.Unlock()
	if e != nil || f != nil {
		return e, f, nil
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-c.closing.Done():
		return nil, nil, errClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, f = c.lookup(key); e == nil && f == nil && !c.closed {
		return nil, c.start(ctx, &flight[V]{key: key, load: load}), nil
	}
	<-c.slots
	if e == nil && f == nil {
		return nil, nil, errClosed
	}
	return e, f, nil
}

// lookup needs the lock.
func (c *Cache[V]) lookup(key string) (*entry[V], *flight[V]) {
	if e := c.look(key); e != nil {
		return e, nil
	}
	return nil, c.flights[key]
}

// refresh has a stale entry loaded again, if nobody does and there is room for it.
func (c *Cache[V]) refresh(ctx context.Context, key string, e *entry[V], load Load[V]) {
	if !e.refreshing.CompareAndSwap(false, true) {
		return
	}
	select {
	case c.slots <- struct{}{}:
	default:
		e.refreshing.Store(false)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// It may have been written since it was read.
	if c.look(key) != e || c.flights[key] != nil || c.closed {
		<-c.slots
		return
	}
	c.start(ctx, &flight[V]{key: key, load: load, refresh: e})
}

// start needs the lock and a slot, which the load gives back.
func (c *Cache[V]) start(ctx context.Context, f *flight[V]) *flight[V] {
	f.done = make(chan struct{})
	f.fresh = c.recent.has(f.key, c.now())
	c.flights[f.key] = f
	c.loads.Go(func() {
		defer func() { <-c.slots }()
		c.run(context.WithoutCancel(ctx), f)
	})
	return f
}

// run finds the value in Redis, or loads it and leaves it there.
func (c *Cache[V]) run(ctx context.Context, f *flight[V]) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.LoadTimeout)
	defer cancel()
	defer context.AfterFunc(c.closing, cancel)() //nolint:contextcheck // ends with the cache, too
	began := c.now()
	var lease lease
	if c.remote != nil {
		var found *entry[V]
		if found, lease = c.fetch(ctx, f); found != nil {
			c.finish(f, found, nil)
			return
		}
	}
	fresh := f.fresh || lease.fresh
	if fresh {
		ctx = c.cfg.Fresh(ctx)
	}
	value, err := c.call(ctx, f.load)
	r, err := c.record(value, err, fresh)
	c.metrics.loaded(r, err)
	if err != nil {
		c.finish(f, nil, err)
		return
	}
	if c.finish(f, c.entry(value, r, began), nil) && lease.granted {
		if err := c.remote.store(context.WithoutCancel(ctx), f.key, lease, r); err != nil {
			c.metrics.redisFailed.Inc()
		}
	}
}

// call turns a panic of the load into an error.
func (c *Cache[V]) call(ctx context.Context, load Load[V]) (value V, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			c.cfg.Logger.Error("loading a value for the cache panicked", slog.String("cache", c.cfg.Name),
				slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
			err = errPanicked
		}
	}()
	return load(ctx)
}

// finish passes the result of a flight to those who wait, and keeps it unless it is too large or its key was
// written meanwhile. It reports whether it was kept.
func (c *Cache[V]) finish(f *flight[V], e *entry[V], err error) (kept bool) {
	c.mu.Lock()
	if !f.invalidated {
		delete(c.flights, f.key)
		switch {
		case e != nil && e.size <= c.cfg.MaxValueBytes:
			c.memory.Set(f.key, e)
			kept = true
		case e != nil:
			c.memory.Invalidate(f.key)
		case f.refresh != nil:
			c.memory.Set(f.key, f.refresh.postponed(c.now()+refreshRetry))
		}
	}
	c.mu.Unlock()
	f.entry, f.err = e, err
	close(f.done)
	return kept
}
