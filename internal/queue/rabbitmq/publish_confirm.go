package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

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

// confirmChannel is a channel on which every message is confirmed or returned.
type confirmChannel struct {
	*amqp.Channel
	// returns holds more than can be in flight, so the library, which would stop
	// reading the socket, never waits for us.
	returns chan amqp.Return

	mu       sync.Mutex
	returned map[route]int

	// refused is since when the broker has nacked everything for these queues, see
	// publish_channel.go.
	refused map[destination]time.Time

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

// destination is where a message is published to: one or more queues.
type destination struct{ exchange, key string }

// toQueue is a queue alone, through the default exchange.
func toQueue(name string) destination { return destination{key: name} }

// route identifies a returned message.
type route struct {
	destination
	id string
}

func newConfirmChannel(ch *amqp.Channel, limit int) *confirmChannel {
	returns := ch.NotifyReturn(make(chan amqp.Return, limit/inFlightOverhead))
	return &confirmChannel{
		Channel: ch, returns: returns, returned: map[route]int{}, refused: map[destination]time.Time{},
		ended: make(chan struct{}),
	}
}

// takeReturn reports whether a message with this route was returned (basic.return), once for
// each that was. The return precedes the confirm of the same message.
func (c *confirmChannel) takeReturn(r route) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for drained := false; !drained; {
		select {
		case back, open := <-c.returns:
			if drained = !open; open {
				c.returned[route{destination{back.Exchange, back.RoutingKey}, back.MessageId}]++
			}
		default:
			drained = true
		}
	}
	if c.returned[r] == 0 {
		return false
	}
	if c.returned[r]--; c.returned[r] == 0 {
		delete(c.returned, r)
	}
	return true
}

// outgoing is a published message awaiting its confirm.
type outgoing struct {
	conn    *connection
	channel *confirmChannel
	route   route
	confirm *amqp.DeferredConfirmation
	// release returns its bytes to the in-flight budget; called exactly once.
	release func()
}

// send publishes a message and does not wait for its confirm. It keeps release unless it fails.
func (c *confirmChannel) send(conn *connection, m *message, release func()) (outgoing, error) {
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
	return outgoing{conn, c, route{m.destination, m.MessageId}, confirm, release}, nil
}

// wait waits for the confirm. When the context ends first, the in-flight budget is released
// later, by the late confirm.
func (o outgoing) wait(ctx context.Context) error {
	if !awaitsConfirms {
		o.conn.awaitLateConfirm(o)
		return nil
	}
	select {
	case <-o.confirm.Done():
		return o.outcome()
	case <-ctx.Done():
	}
	select {
	case <-o.confirm.Done():
		return o.outcome()
	default:
	}
	o.conn.awaitLateConfirm(o)
	return &queue.RefusedError{Err: ctx.Err()}
}

// outcome returns what the confirm means. It is called once.
func (o outgoing) outcome() error {
	defer o.release()
	defer o.channel.inFlight.Add(-1)
	switch {
	case o.channel.takeReturn(o.route):
		err := errUnroutable(o.route.key)
		// The next connection declares what is missing.
		o.conn.fail(err)
		return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, err)
	case !o.confirm.Acked():
		return o.refused()
	}
	o.channel.confirms.Add(1)
	o.channel.refusedFor(o.route.destination, true)
	return nil
}

func errUnroutable(key string) error {
	return fmt.Errorf("no queue takes routing key %q: was a queue or binding deleted?", key)
}

// refused says why a message has no ack.
func (o outgoing) refused() error {
	switch {
	case o.channel.closedForMessage():
		return errChannelClosed
	case o.channel.IsClosed():
		return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, errLost)
	case o.channel.refusedFor(o.route.destination, false) > o.conn.config.StallAfter:
		o.conn.replaceChannel(o.channel)
	}
	return &queue.RefusedError{Err: errNotAcked}
}

var (
	errNotAcked = errors.New("refused by the broker")
	errLost     = errors.New("the connection was lost")
)
