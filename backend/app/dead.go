package app

import (
	"context"
	"fmt"
	"sync"

	"github.com/botgate/botgate/internal/queue"
)

// deadLetters are those of the process's queue. A process with the role api only has none
// until somebody asks: it answers queries about events without one.
type deadLetters struct {
	open func(context.Context) (queue.Queue, error)

	mu     sync.Mutex
	queue  queue.Queue
	closed bool
}

// use has the queue used from now on; its owner closes it.
func (d *deadLetters) use(q queue.Queue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = q
}

// letters opens the queue when nobody did.
func (d *deadLetters) letters(ctx context.Context) (queue.DeadLetters, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.queue == nil {
		if d.closed || d.open == nil {
			return nil, queue.ErrUnavailable
		}
		q, err := d.open(context.WithoutCancel(ctx))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
		}
		d.queue = q
	}
	letters, ok := queue.As[queue.DeadLetters](d.queue)
	if !ok {
		return nil, fmt.Errorf("%w: it has no dead letters", queue.ErrUnavailable)
	}
	return letters, nil
}

// ListDead implements [queue.DeadLetters].
func (d *deadLetters) ListDead(ctx context.Context, q queue.DeadQuery) (*queue.DeadPage, error) {
	l, err := d.letters(ctx)
	if err != nil {
		return nil, err
	}
	return l.ListDead(ctx, q)
}

// GetDead implements [queue.DeadLetters].
func (d *deadLetters) GetDead(ctx context.Context, id string) (*queue.DeadLetter, error) {
	l, err := d.letters(ctx)
	if err != nil {
		return nil, err
	}
	return l.GetDead(ctx, id)
}

// ReplayDead implements [queue.DeadLetters].
func (d *deadLetters) ReplayDead(ctx context.Context, q queue.DeadQuery) (queue.DeadResult, error) {
	l, err := d.letters(ctx)
	if err != nil {
		return queue.DeadResult{}, err
	}
	return l.ReplayDead(ctx, q)
}

// DropDead implements [queue.DeadLetters].
func (d *deadLetters) DropDead(ctx context.Context, q queue.DeadQuery) (queue.DeadResult, error) {
	l, err := d.letters(ctx)
	if err != nil {
		return queue.DeadResult{}, err
	}
	return l.DropDead(ctx, q)
}

// shareDead lets the API have the queue that the roles opened, or open one on demand.
func (a *App) shareDead(context.Context) error {
	if a.queue != nil {
		a.dead.use(a.queue)
		return nil
	}
	a.dead.mu.Lock()
	defer a.dead.mu.Unlock()
	a.dead.open = func(ctx context.Context) (queue.Queue, error) {
		return OpenQueue(ctx, a.settings, a.log)
	}
	a.onStop(step{"queue", closeQueue, func(ctx context.Context) error { return within(ctx, a.dead.close) }})
	return nil
}

// close closes the queue that letters opened.
func (d *deadLetters) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queue
	d.queue, d.closed = nil, true
	if q == nil {
		return nil
	}
	return q.Close()
}
