package spool

import (
	"context"

	"github.com/botgate/botgate/internal/queue"
)

// Queue publishes to a broker, or to the spool before it. Everything but Publish, Ready and
// Close is the broker's alone.
type Queue struct {
	queue.Queue // The broker.

	spool   *Spool
	options Options
}

// Ready implements [queue.Queue]: it is nil when the spool takes events, or the broker.
func (q *Queue) Ready(ctx context.Context) error {
	s := q.spool
	s.mu.Lock()
	closed, usable, full := s.closed, s.usable, s.admit(q.options, nil)
	s.mu.Unlock()
	if closed {
		return queue.ErrClosed
	}
	if usable && full == nil && s.store.Ready(ctx) == nil {
		return nil
	}
	return q.Queue.Ready(ctx)
}

// Spooling reports whether accepted events wait in the spool.
func (q *Queue) Spooling() bool { return q.spool.Stats().Events > 0 }

// Close ends the draining to this queue's broker. Publish works until the spool is closed,
// for callers that still use the queue.
func (q *Queue) Close() error {
	q.spool.remove(q)
	return nil
}
