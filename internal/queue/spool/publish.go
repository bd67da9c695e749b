package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Publish implements [queue.Queue]. It goes to the broker, and to the spool where the broker
// does not confirm in time, is known to be unavailable, or lacks earlier events of the order
// keys, which are still in the spool. The events of one call go the same way.
func (q *Queue) Publish(ctx context.Context, events ...*event.Event) error {
	usable, err := q.spool.enter()
	if err != nil {
		return err
	}
	defer q.spool.inflight.Done()
	if !usable {
		return q.Queue.Publish(ctx, events...)
	}
	var cause error
	if !q.behind(ctx, events) {
		if q.options.Reject {
			return q.Queue.Publish(ctx, events...)
		}
		if cause = q.direct(ctx, events); cause == nil || !isFailure(ctx, cause) {
			return cause
		}
		q.spool.lose(cause)
	}
	err = q.keep(ctx, events, cause)
	if err != nil && errors.Is(cause, queue.ErrUnconfirmed) {
		// Some may be in the broker, so this is what the caller must know.
		return fmt.Errorf("%w; not spooled either: %s", cause, err.Error())
	}
	return err
}

// enter lets a publish begin, and reports whether it may use the file; inflight.Done must follow.
func (s *Spool) enter() (usable bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, queue.ErrClosed
	}
	s.inflight.Add(1)
	return s.usable, nil
}

// behind reports whether events cannot go to the broker directly. While their order keys are
// being drained they wait a moment for their turn: a busy key would otherwise fill the spool
// as fast as it is drained, and never leave it.
func (q *Queue) behind(ctx context.Context, events []*event.Event) bool {
	behind, drained := q.turn(events)
	if drained == nil {
		return behind
	}
	timer := time.NewTimer(q.options.TurnWait)
	defer timer.Stop()
	for drained != nil {
		select {
		case <-drained:
			behind, drained = q.turn(events)
		case <-timer.C:
			return true
		case <-ctx.Done():
			return true
		}
	}
	return behind
}

// turn decides whether events go to the broker or behind those in the spool. An event that was
// accepted before is in the index until the broker has confirmed it and it is out of the file.
// If the events may go to the broker soon, the channel is closed when something was drained.
func (q *Queue) turn(events []*event.Event) (behind bool, drained <-chan struct{}) {
	s := q.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.index.events == 0:
		return false, nil
	case s.unavailable:
		return !q.options.Reject || s.index.holds(events), nil
	case s.index.holds(events):
		return true, s.progress
	}
	return false, nil
}

// direct publishes to the broker and leaves the spool its share of the time.
func (q *Queue) direct(ctx context.Context, events []*event.Event) error {
	bound := q.options.ConfirmTimeout
	if deadline, ok := ctx.Deadline(); ok {
		bound = min(bound, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return q.Queue.Publish(ctx, events...)
}

// isFailure reports whether an error is the broker's, and not the events' or the caller's. A
// broker is closed under a caller when a reload replaces it.
func isFailure(ctx context.Context, err error) bool {
	return ctx.Err() == nil && (errors.Is(err, queue.ErrUnavailable) || errors.Is(err, queue.ErrUnconfirmed) ||
		errors.Is(err, queue.ErrClosed) || errors.Is(err, context.DeadlineExceeded))
}

// lose notes that the broker failed: until it takes something from the drainer, no publish
// waits for it.
func (s *Spool) lose(cause error) {
	if errors.Is(cause, queue.ErrClosed) {
		return // Another one is there already.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unavailable = true
}

// keep writes events to the file. Their order keys are in the index before the call can
// return that they are accepted.
func (q *Queue) keep(ctx context.Context, events []*event.Event, cause error) error {
	s := q.spool
	s.mu.Lock()
	if err := s.admit(q.options, events); err != nil {
		s.mu.Unlock()
		return err
	}
	for _, e := range events {
		s.index.add(e, int64(len(e.Data)))
	}
	s.index.writing++
	s.mu.Unlock()
	queued, err := s.store.PublishNew(ctx, events...)
	s.written(events, queued, cause, err)
	if err != nil {
		return fmt.Errorf("spooling: %w", err)
	}
	return nil
}

// written corrects the index: what was not queued is not there. After an error that leaves
// it open what the file has, the index keeps what may be there; see [Spool.resync].
func (s *Spool) written(events []*event.Event, queued []bool, cause, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.writing--
	n := 0
	for i, e := range events {
		switch {
		case err == nil && queued[i]:
			n++
		case !errors.Is(err, queue.ErrUnconfirmed):
			s.index.remove(e)
		}
	}
	if n > 0 {
		s.spooled(n, cause)
	}
}

// admit says why the spool takes no events, or not these. The caller has the lock.
func (s *Spool) admit(options Options, events []*event.Event) error {
	for _, e := range events {
		if len(e.Data) > s.cfg.MaxEvent {
			return fmt.Errorf("%w: event %s has %d bytes, the limit is %d", queue.ErrTooLarge, e.ID, len(e.Data), s.cfg.MaxEvent)
		}
	}
	switch {
	case options.Reject:
		return fmt.Errorf("%w: earlier events of the order key wait in the spool", queue.ErrUnavailable)
	case s.index.bytes+max(weightOf(events), eventOverhead) > options.MaxBytes:
		return fmt.Errorf("%w: the spool is full (option %s, max_size)", queue.ErrUnavailable, s.cfg.Option)
	case s.index.events > 0 && time.Since(s.index.oldest) > options.MaxAge:
		return fmt.Errorf("%w: the spool holds events older than %s (option %s, max_age)",
			queue.ErrUnavailable, options.MaxAge, s.cfg.Option)
	}
	return nil
}
