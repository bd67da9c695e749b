package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Publish implements [queue.Queue]. Events of one call keep their order. A repeat is
// known to the handle that saw it confirmed, within RepeatWindow; others publish it
// again and consumers drop it.
func (q *Queue) Publish(ctx context.Context, events ...*event.Event) error {
	fresh, err := q.fresh(events)
	if err == nil {
		err = q.usable(ctx)
	}
	if err == nil {
		err = q.declareBotsOf(ctx, fresh...)
	}
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	var one [1]message // The usual number.
	messages := one[:0]
	for _, e := range fresh {
		messages = append(messages, newMessage(q.topology, e))
	}
	if err := refusedBy(q.publish(ctx, messages), func() []string { return q.topology.homes(fresh) }); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	for _, e := range fresh {
		q.confirmed.add(e.ID)
	}
	return nil
}

// fresh leaves out what is known to be in the queue and what the call has twice.
func (q *Queue) fresh(events []*event.Event) ([]*event.Event, error) {
	for _, e := range events {
		if err := q.fits(e); err != nil {
			return nil, err
		}
	}
	if len(events) == 1 && !q.confirmed.has(events[0].ID) {
		return events, nil // The usual case.
	}
	fresh, seen := make([]*event.Event, 0, len(events)), map[string]bool{}
	for _, e := range events {
		if !seen[e.ID] && !q.confirmed.has(e.ID) {
			seen[e.ID] = true
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

// fits reports an event that can't be published.
func (q *Queue) fits(e *event.Event) error {
	if err := e.Validate(); err != nil {
		return fmt.Errorf("%w: %w", queue.ErrInvalid, err)
	}
	if len(e.Data) > q.config.MaxMessage {
		return fmt.Errorf("%w: event %s has %d bytes, the limit is %d",
			queue.ErrTooLarge, e.ID, len(e.Data), q.config.MaxMessage)
	}
	return nil
}

// publish sends messages and waits until all are confirmed. They keep their order: if they
// exceed the in-flight limit, they go in runs, each after the one before it was confirmed.
func (q *Queue) publish(ctx context.Context, messages []message) error {
	err := q.usable(ctx)
	for begin, end := 0, 0; err == nil && begin < len(messages); begin = end {
		room := q.config.inFlightLimit()
		for ; end < len(messages) && room >= q.weight(&messages[end]); end++ {
			room -= q.weight(&messages[end])
		}
		err = q.publishRun(ctx, messages[begin:end], int64(q.config.inFlightLimit()-room))
		if err != nil && begin > 0 && !errors.Is(err, queue.ErrUnconfirmed) {
			err = fmt.Errorf("%w: %w", queue.ErrUnconfirmed, err)
		}
	}
	return err
}

// publishRun sends messages of a weight on one channel, which keeps their order, and waits until all
// are confirmed.
func (q *Queue) publishRun(ctx context.Context, messages []message, weight int64) error {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.config.PublishTimeout)
		defer cancel()
	}
	conn, err := q.publishing.connection(ctx)
	if err != nil {
		return err
	}
	if err := conn.takesMessages(); err != nil {
		return err
	}
	// Together: callers that each had some of their budget would deadlock.
	if err := q.inFlight.acquire(ctx, weight); err != nil {
		return fmt.Errorf("%w: too many publishes in flight: %w", queue.ErrUnavailable, err)
	}
	if conn.suspects(messages) {
		q.inFlight.release(weight)
		return q.publishAlone(ctx, conn, messages)
	}
	var one [1]outgoing // The usual number.
	sent, failed := q.sendAll(conn, messages, weight, one[:0])
	taken := 0
	for n := range sent {
		one := sent[n].wait(ctx)
		if err == nil && one == nil {
			taken++
		}
		err = cmp.Or(err, one)
	}
	err = cmp.Or(err, failed)
	if errors.Is(err, errChannelClosed) {
		return q.publishAlone(ctx, conn, messages[taken:])
	}
	return err
}

// usable is nil while the queue is open and the context has not ended.
func (q *Queue) usable(ctx context.Context) error {
	if q.ctx.Err() != nil {
		return queue.ErrClosed
	}
	return ctx.Err()
}

// sendAll sends messages whose weight was acquired, and appends to sent what was. What is not sent gives its
// part back.
func (q *Queue) sendAll(conn *connection, messages []message, weight int64, sent []outgoing) ([]outgoing, error) {
	defer func() { q.inFlight.release(weight) }()
	if q.ctx.Err() != nil {
		return nil, queue.ErrClosed
	}
	channel := conn.nextChannel()
	for n := range messages {
		own := int64(q.weight(&messages[n]))
		o, err := channel.send(conn, &messages[n], q.inFlight, own)
		if err != nil {
			return sent, err
		}
		weight -= own
		sent = append(sent, o)
	}
	return sent, nil
}

// weight is what a message takes of the in-flight limit. The whole limit is enough for any
// message: a dead letter that somebody else published can be larger than we allow.
func (q *Queue) weight(m *message) int {
	return min(len(m.Body)+inFlightOverhead, q.config.inFlightLimit())
}
