package app

import (
	"context"
	"fmt"
	"sync"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// lateQueue is the queue of the process for what needs it now and then only. A process with
// the role api alone has none until somebody asks: it answers queries about events without.
type lateQueue struct {
	open func(context.Context) (queue.Queue, error)

	mu     sync.Mutex
	queue  queue.Queue
	closed bool
}

// use has the queue used from now on; its owner closes it.
func (l *lateQueue) use(q queue.Queue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = q
}

// get opens the queue when nobody did.
func (l *lateQueue) get(ctx context.Context) (queue.Queue, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue != nil {
		return l.queue, nil
	}
	if l.closed || l.open == nil {
		return nil, queue.ErrUnavailable
	}
	q, err := l.open(context.WithoutCancel(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	l.queue = q
	return q, nil
}

// close closes the queue that get opened.
func (l *lateQueue) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queue
	l.queue, l.closed = nil, true
	if q == nil {
		return nil
	}
	return q.Close()
}

// PublishJobs implements [job.Queue].
func (l *lateQueue) PublishJobs(ctx context.Context, jobs ...*event.Event) error {
	q, err := l.get(ctx)
	if err != nil {
		return err
	}
	jobber, ok := queue.As[queue.Jobber](q)
	if !ok {
		return fmt.Errorf("%w: it takes no jobs", queue.ErrUnavailable)
	}
	return jobber.PublishJobs(ctx, jobs...)
}

// Subscribe implements [job.Queue].
func (l *lateQueue) Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	q, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return q.Subscribe(ctx, group, opts)
}

// shareQueue lets the API have the queue that the roles opened, or visit one on demand.
func (a *App) shareQueue(context.Context) error {
	if a.queue != nil {
		a.late.use(a.queue)
		return nil
	}
	a.late.mu.Lock()
	defer a.late.mu.Unlock()
	a.late.open = func(ctx context.Context) (queue.Queue, error) { return VisitQueue(ctx, a.settings) }
	a.onStop(step{"queue", closeQueue, func(ctx context.Context) error { return within(ctx, a.late.close) }})
	return nil
}
