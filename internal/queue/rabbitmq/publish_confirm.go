package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

const (
	// minInFlight is the least of [Config.inFlightLimit].
	minInFlight = 16 << 20
	// inFlightOverhead is what a message counts in addition to its body. It bounds the
	// number of messages in flight, too.
	inFlightOverhead = 8 << 10
)

// inFlightLimit bounds the bytes that are sent and not confirmed yet (backpressure): beyond it,
// publishers wait. The largest message fits in.
func (c Config) inFlightLimit() int { return max(minInFlight, c.MaxMessage+inFlightOverhead) }

// confirmChannel is a channel on which every message is confirmed or returned. Who publishes a message
// waits for its confirm, and reads in the ledger whether it means anything but success. Nobody else has a
// goroutine or takes a lock for it, unless it is returned, refused or late.
type confirmChannel struct {
	*amqp.Channel
	ledger *ledger
	late   *lateConfirms

	// confirms counts acks, inFlight the messages without an answer.
	confirms atomic.Uint64
	inFlight atomic.Int64
	// retired is set when another channel replaces this one.
	retired atomic.Bool
	// ended is closed after the end of the channel, when cause, if there is one, is why the broker
	// closed it.
	ended chan struct{}
	cause *amqp.Error
}

// newConfirmChannel makes one with less than limit bytes in flight.
func newConfirmChannel(ch *amqp.Channel, limit int) *confirmChannel {
	returns := ch.NotifyReturn(make(chan amqp.Return, limit/inFlightOverhead))
	return &confirmChannel{
		Channel: ch, ledger: newLedger(returns), late: newLateConfirms(), ended: make(chan struct{}),
	}
}

// destination is where a message is published to: one or more queues.
type destination struct{ exchange, key string }

// toQueue is a queue alone, through the default exchange.
func toQueue(name string) destination { return destination{key: name} }

// outgoing is a published message awaiting its confirm.
type outgoing struct {
	conn    *connection
	channel *confirmChannel
	route   route
	confirm *amqp.DeferredConfirmation
	// weight is what it has of the in-flight limit until its outcome.
	weight   int64
	inFlight *room
}

// send publishes a message and does not wait for its confirm. Unless it fails, its weight is given back to
// the in-flight limit with the outcome.
func (c *confirmChannel) send(
	conn *connection, m *message, inFlight *room, weight int64,
) (outgoing, error) {
	confirm, err := c.PublishWithDeferredConfirm(m.exchange, m.key, !m.optional, false, m.Publishing)
	if err != nil {
		if c.closedForMessage() {
			return outgoing{}, errChannelClosed
		}
		// Part of it may be on the wire, so the channel is of no use any more.
		conn.fail(fmt.Errorf("sending: %w", err))
		return outgoing{}, fmt.Errorf("%w: %w", queue.ErrUnconfirmed, err)
	}
	c.inFlight.Add(1)
	return outgoing{conn, c, route{m.destination, m.MessageId}, confirm, weight, inFlight}, nil
}

// wait waits for the confirm. When the context ends first, the in-flight limit has room for others
// later, with the late confirm.
func (o *outgoing) wait(ctx context.Context) error {
	if !awaitsConfirms {
		o.channel.awaitLate(o)
		return nil
	}
	select {
	case <-o.confirm.Done():
		return o.outcome()
	case <-ctx.Done():
	}
	if o.answered() {
		return o.outcome()
	}
	o.channel.awaitLate(o)
	return &queue.RefusedError{Err: ctx.Err()}
}

// answered reports whether the broker has answered, or the channel has ended.
func (o *outgoing) answered() bool {
	select {
	case <-o.confirm.Done():
		return true
	default:
		return false
	}
}

// outcome returns what the confirm means. It is called once.
func (o *outgoing) outcome() error {
	defer o.inFlight.release(o.weight)
	defer o.channel.inFlight.Add(-1)
	switch {
	case o.channel.ledger.takeReturn(o.route):
		err := errUnroutable(o.route.key)
		// The next connection declares what is missing.
		o.conn.fail(err)
		return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, err)
	case !o.confirm.Acked():
		return o.refused()
	}
	o.channel.confirms.Add(1)
	o.channel.ledger.acked(o.route.destination)
	return nil
}

func errUnroutable(key string) error {
	return fmt.Errorf("no queue takes routing key %q: was a queue or binding deleted?", key)
}

// refused says why a message has no ack.
func (o *outgoing) refused() error {
	switch {
	case o.channel.closedForMessage():
		return errChannelClosed
	case o.channel.IsClosed():
		return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, errLost)
	case o.channel.ledger.refusedFor(o.route.destination) > o.conn.config.StallAfter:
		o.conn.replaceChannel(o.channel)
	}
	return &queue.RefusedError{Err: errNotAcked}
}

var (
	errNotAcked = errors.New("refused by the broker")
	errLost     = errors.New("the connection was lost")
)
