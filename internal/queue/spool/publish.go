package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Publish implements [queue.Queue]. It goes to the broker, and to the spool where the broker
// does not confirm in time, is known to be unavailable, in whole or in a queue that the events are for, or
// lacks earlier events of the order keys, which are still in the spool. The events of one call
// go the same way.
func (q *Queue) Publish(ctx context.Context, events ...*event.Event) error {
	usable, empty, err := q.spool.enter()
	if err != nil {
		return err
	}
	defer q.spool.inflight.Done()
	if !usable {
		return q.Queue.Publish(ctx, events...)
	}
	where := toBroker
	if !empty {
		where = q.choose(ctx, events)
	}
	if where == toBroker && q.options.Reject {
		return q.Queue.Publish(ctx, events...)
	}
	var cause error
	if where == toBroker {
		if cause = q.direct(ctx, events); cause == nil || !isFailure(ctx, cause) {
			return cause
		}
	}
	err = q.keep(ctx, events, cause)
	if err != nil && where == toSpool {
		// It has no room, so perhaps the broker has.
		if cause = q.direct(ctx, events); cause == nil || !isFailure(ctx, cause) {
			return cause
		}
	}
	if err != nil && errors.Is(cause, queue.ErrUnconfirmed) {
		// Some may be in the broker, so this is what the caller must know.
		return fmt.Errorf("%w; not spooled either: %s", cause, err.Error())
	}
	return err
}

// route is where events go.
type route int

const (
	toBroker route = iota
	toSpool        // Since the broker would not take them.
	behind         // To the spool, since earlier ones are there.
)

// enter lets a publish begin, and reports whether it may use the file, and whether nothing is in it;
// inflight.Done must follow.
func (s *Spool) enter() (usable, empty bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, false, queue.ErrClosed
	}
	s.inflight.Add(1)
	return s.usable, s.index.events == 0, nil
}

// choose says where events go. While their order keys are being drained they wait a moment for their
// turn: a busy key would otherwise fill the spool as fast as it is drained, and never leave it.
func (q *Queue) choose(ctx context.Context, events []*event.Event) route {
	where, drained := q.turn(events)
	if drained == nil {
		return where
	}
	timer := time.NewTimer(q.options.TurnWait)
	defer timer.Stop()
	for drained != nil {
		select {
		case <-drained:
			where, drained = q.turn(events)
		case <-timer.C:
			return where
		case <-ctx.Done():
			return where
		}
	}
	return where
}

// turn says where events go now. An event that was accepted before is in the index until the broker has
// confirmed it and it is out of the file. If the events may go to the broker soon, the channel
// is closed when something was drained.
func (q *Queue) turn(events []*event.Event) (where route, drained <-chan struct{}) {
	s := q.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index.events == 0 {
		return toBroker, nil
	}
	bad := s.away.window > 0 || slices.ContainsFunc(events, s.slowed)
	switch {
	case s.index.holds(events) && bad:
		return behind, nil
	case s.index.holds(events):
		return behind, s.progress
	case bad && !q.options.Reject:
		return toSpool, nil
	}
	return toBroker, nil
}

// direct publishes to the broker and leaves the spool its share of the time. What the answer says of the
// broker is noted.
func (q *Queue) direct(ctx context.Context, events []*event.Event) error {
	bound := q.options.ConfirmTimeout
	if deadline, ok := ctx.Deadline(); ok {
		bound = min(bound, time.Until(deadline)/2)
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	err := q.Queue.Publish(limited, events...)
	if err != nil && isFailure(ctx, err) {
		q.spool.lose(events, began, err)
	}
	return err
}

// isFailure reports whether an error is the broker's, and not the events' or the caller's. A
// broker is closed under a caller when a reload replaces it.
func isFailure(ctx context.Context, err error) bool {
	return ctx.Err() == nil && (errors.Is(err, queue.ErrUnavailable) || errors.Is(err, queue.ErrUnconfirmed) ||
		errors.Is(err, queue.ErrClosed) || errors.Is(err, context.DeadlineExceeded))
}

// lose notes that the broker failed: until the drainers know better, no publish waits for it, or where one
// of its queues refused, for the queues of these bots. The drainers find out which one it was.
func (s *Spool) lose(events []*event.Event, began time.Time, cause error) {
	if errors.Is(cause, queue.ErrClosed) {
		return // Another one is there already.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = cause
	if isAway(cause) {
		if s.answered.Before(began) {
			s.away.window = 1
		}
		return
	}
	for _, e := range events {
		l := laneOf(queue.Dispatch, e)
		if !e.ForBot() {
			l = laneOf(queue.Record, e)
		}
		if s.lanes[l] == nil {
			s.lanes[l] = &pace{}
		}
		s.lanes[l].window = max(1, s.lanes[l].window)
	}
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
	queued, err := s.store.PublishNew(ctx, q.unanswered(events)...)
	s.written(events, queued, cause, err)
	if err != nil {
		return fmt.Errorf("spooling: %w", err)
	}
	return nil
}

// unanswered returns the events as the file has them: who waits for their bots' answers does so no more.
func (q *Queue) unanswered(events []*event.Event) []*event.Event {
	var copied bool
	for i, e := range events {
		if e.ReplyBy.IsZero() {
			continue
		}
		q.Desk().Offer(e.ID, nil, time.Now())
		if !copied {
			events, copied = slices.Clone(events), true // The caller's stay as they are.
		}
		without := *e
		without.ReplyBy, without.Ephemeral = time.Time{}, false
		events[i] = &without
	}
	return events
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
			s.index.forget(e)
		}
	}
	if n > 0 {
		s.spooled(n, cause)
	}
}
