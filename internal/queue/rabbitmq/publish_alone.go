package rabbitmq

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// A message that the broker does not want at all, such as one above its max_message_size, makes it
// close the channel, with everything that is in flight there. What was is published again,
// each message alone on a channel of its own: then the answer is about that message.

// maxAlone bounds how many channels messages have for themselves on a connection.
const maxAlone = 16

// errChannelClosed means that the broker closed the channel because of a message in flight there.
var errChannelClosed = fmt.Errorf("%w: the broker closed the channel because of a message", queue.ErrUnconfirmed)

// closedForMessage reports whether the broker closed the channel because of a message.
func (c *confirmChannel) closedForMessage() bool {
	if !c.IsClosed() {
		return false
	}
	<-c.ended // The library tells of the end before it settles what was in flight.
	return c.cause != nil && c.cause.Code == amqp.PreconditionFailed
}

// watchChannel replaces a channel that the broker closed because of a message. Any other end that was
// not meant fails the connection.
func (conn *connection) watchChannel(c *confirmChannel) {
	closes := c.NotifyClose(make(chan *amqp.Error, 1))
	conn.watch.Go(func() {
		c.cause = <-closes
		close(c.ended)
		switch {
		case c.closedForMessage():
			conn.replaceChannel(c)
		case c.cause != nil:
			conn.fail(c.cause)
		case !c.retired.Load():
			conn.fail(errBrokerClosed)
		}
	})
}

// suspects reports whether one of the messages may be too large for the broker.
func (conn *connection) suspects(messages []message) bool {
	limit := conn.refusedSize.Load()
	for n := range messages {
		if limit > 0 && int64(len(messages[n].Body)) >= limit {
			return true
		}
	}
	return false
}

// publishAlone publishes messages one after another, each on a channel of its own.
func (q *Queue) publishAlone(ctx context.Context, conn *connection, messages []message) error {
	select {
	case conn.alone <- struct{}{}:
		defer func() { <-conn.alone }()
	case <-ctx.Done():
		return fmt.Errorf("%w: too many publishes in flight: %w", queue.ErrUnavailable, ctx.Err())
	}
	for n := range messages {
		if err := q.publishOnItsOwn(ctx, conn, &messages[n]); err != nil {
			return err
		}
	}
	return nil
}

// publishOnItsOwn publishes a message on a channel that ends with it.
func (q *Queue) publishOnItsOwn(ctx context.Context, conn *connection, m *message) error {
	weight := int64(q.weight(m))
	if err := q.inFlight.acquire(ctx, weight); err != nil {
		return fmt.Errorf("%w: too many publishes in flight: %w", queue.ErrUnavailable, err)
	}
	defer q.inFlight.release(weight)
	err := conn.withChannel(func(ch *amqp.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		closes, returns := ch.NotifyClose(make(chan *amqp.Error, 1)), ch.NotifyReturn(make(chan amqp.Return, 1))
		alone := m.Publishing
		alone.ReplyTo = "" // It is for the channel of a consumer, and the broker refuses it on any other.
		confirm, err := ch.PublishWithDeferredConfirm(m.exchange, m.key, true, false, alone)
		if err != nil {
			return err
		}
		select {
		case <-confirm.Done():
		case <-ctx.Done():
			return &queue.RefusedError{Err: ctx.Err()}
		}
		return conn.answerAlone(m, confirm.Acked(), closes, returns)
	})
	if err == nil || errors.Is(err, queue.ErrUnconfirmed) || errors.Is(err, queue.ErrTooLarge) {
		return err
	}
	conn.fail(err)
	return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, err)
}

// answerAlone says what became of a message on a channel of its own.
func (conn *connection) answerAlone(
	m *message, acked bool, closes <-chan *amqp.Error, returns <-chan amqp.Return,
) error {
	select {
	case cause := <-closes:
		switch {
		case cause == nil:
			return errBrokerClosed
		case cause.Code != amqp.PreconditionFailed:
			return cause
		}
		conn.noteRefusedSize(int64(len(m.Body)))
		return fmt.Errorf("%w: %s", queue.ErrTooLarge, cause.Reason)
	default:
	}
	select {
	case _, returned := <-returns:
		if returned {
			return errUnroutable(m.key)
		}
	default:
	}
	if !acked {
		return &queue.RefusedError{Err: errNotAcked}
	}
	return nil
}

// noteRefusedSize notes the size of a body that the broker refused.
func (conn *connection) noteRefusedSize(size int64) {
	for before := conn.refusedSize.Load(); before == 0 || size < before; before = conn.refusedSize.Load() {
		if conn.refusedSize.CompareAndSwap(before, max(size, 1)) {
			return
		}
	}
}
