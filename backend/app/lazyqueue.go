package app

import (
	"context"
	"fmt"
	"sync"

	"github.com/botgate/botgate/internal/queue"
)

// lazyQueue is the queue of the process for the API's queries about dead letters. A process
// with only the role api opens it on first use.
type lazyQueue struct {
	open func(context.Context) (queue.Queue, error)

	mu     sync.Mutex
	queue  queue.Queue
	closed bool
}

var _ queue.DeadLetters = (*lazyQueue)(nil)

// openLazyQueue uses the queue that the roles opened, or else opens one as a guest, on demand.
func (a *App) openLazyQueue(context.Context) error {
	if a.queue != nil {
		a.lazyQueue = &lazyQueue{queue: a.queue}
		return nil
	}
	a.lazyQueue = &lazyQueue{open: func(ctx context.Context) (queue.Queue, error) { return VisitQueue(ctx, a.settings) }}
	a.onStop(step{"queue", closeQueue, func(ctx context.Context) error { return within(ctx, a.lazyQueue.close) }})
	return nil
}

// ListDead implements [queue.DeadLetters].
func (l *lazyQueue) ListDead(ctx context.Context, query queue.DeadQuery) (*queue.DeadPage, error) {
	return withLazy(ctx, l, func(q queue.Queue) (*queue.DeadPage, error) { return q.ListDead(ctx, query) })
}

// GetDead implements [queue.DeadLetters].
func (l *lazyQueue) GetDead(ctx context.Context, id string) (*queue.DeadLetter, error) {
	return withLazy(ctx, l, func(q queue.Queue) (*queue.DeadLetter, error) { return q.GetDead(ctx, id) })
}

// Redrive implements [queue.DeadLetters].
func (l *lazyQueue) Redrive(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	return withLazy(ctx, l, func(q queue.Queue) (queue.DeadResult, error) { return q.Redrive(ctx, query) })
}

// DropDead implements [queue.DeadLetters].
func (l *lazyQueue) DropDead(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	return withLazy(ctx, l, func(q queue.Queue) (queue.DeadResult, error) { return q.DropDead(ctx, query) })
}

// withLazy calls f with the queue, once it is open.
func withLazy[T any](ctx context.Context, l *lazyQueue, f func(queue.Queue) (T, error)) (result T, err error) {
	q, err := l.get(ctx)
	if err != nil {
		return result, err
	}
	return f(q)
}

// get opens the queue unless it is open.
func (l *lazyQueue) get(ctx context.Context) (queue.Queue, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, queue.ErrUnavailable
	case l.queue != nil:
		return l.queue, nil
	}
	q, err := l.open(context.WithoutCancel(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	l.queue = q
	return q, nil
}

// close closes the queue if get opened it.
func (l *lazyQueue) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.queue == nil {
		return nil
	}
	return l.queue.Close()
}
