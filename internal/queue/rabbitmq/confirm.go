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
	// minFlight is the least of [Config.flight].
	minFlight = 16 << 20
	// inFlightOverhead is what a message counts for beside its body. It bounds the
	// number of messages in flight, too.
	inFlightOverhead = 8 << 10
)

// flight bounds the bytes that are sent and not confirmed yet; beyond it, publishers wait
// for their turn. The largest message fits in.
func (c Config) flight() int { return max(minFlight, c.MaxMessage+inFlightOverhead) }

// confirmChannel is a channel on which every message is confirmed or returned.
type confirmChannel struct {
	*amqp.Channel
	// returns holds more than can be in flight, so the library, which would stop
	// reading the socket, never waits for us.
	returns chan amqp.Return

	mu       sync.Mutex
	returned map[route]int

	// refused is since when the broker takes nothing for these queues, see renew.go.
	refused map[string]time.Time

	// answers counts what the broker confirmed, flying what it has not yet.
	answers atomic.Uint64
	flying  atomic.Int64
	// retired is set when another channel takes this one's place.
	retired atomic.Bool
}

// route is what a returned message is recognised by.
type route struct{ exchange, key, id string }

func newConfirmChannel(ch *amqp.Channel, flight int) *confirmChannel {
	returns := ch.NotifyReturn(make(chan amqp.Return, flight/inFlightOverhead))
	return &confirmChannel{Channel: ch, returns: returns, returned: map[route]int{}, refused: map[string]time.Time{}}
}

// takeReturn reports whether a message with this route came back, once for each that
// did. The return comes before the confirm of the same message, so after the confirm it
// is known.
func (c *confirmChannel) takeReturn(r route) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for more := true; more; {
		select {
		case back, ok := <-c.returns:
			if more = ok; ok {
				c.returned[route{back.Exchange, back.RoutingKey, back.MessageId}]++
			}
		default:
			more = false
		}
	}
	n := c.returned[r]
	switch n {
	case 0:
		return false
	case 1:
		delete(c.returned, r)
	default:
		c.returned[r] = n - 1
	}
	return true
}

// outgoing is a message on its way.
type outgoing struct {
	session *session
	channel *confirmChannel
	route   route
	confirm *amqp.DeferredConfirmation
	// release gives the message's share of the flight back; called exactly once.
	release func()
}

// send puts a message on its way. It does not wait for the broker.
func (c *confirmChannel) send(s *session, m *message, release func()) (outgoing, error) {
	confirm, err := c.PublishWithDeferredConfirm(m.exchange, m.key, true, false, m.Publishing)
	if err != nil {
		// Part of it may be on the wire, so the channel is of no use any more.
		s.fail(fmt.Errorf("sending: %w", err))
		release()
		return outgoing{}, fmt.Errorf("%w: %w", queue.ErrUnconfirmed, err)
	}
	c.flying.Add(1)
	return outgoing{s, c, route{m.exchange, m.key, m.MessageId}, confirm, release}, nil
}

// wait waits for the confirm. When the context ends first, the message's share of the
// flight is given back later, when it has landed.
func (o outgoing) wait(ctx context.Context) error {
	if !awaitsConfirms {
		o.session.land(o)
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
	o.session.land(o)
	return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, ctx.Err())
}

// outcome is called once, when the confirm is there.
func (o outgoing) outcome() error {
	defer o.release()
	defer o.channel.flying.Add(-1)
	back := o.channel.takeReturn(o.route)
	switch {
	case back:
		err := fmt.Errorf("no queue takes routing key %q: was a queue or binding deleted?", o.route.key)
		// The next session declares what is missing.
		o.session.fail(err)
		return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, err)
	case !o.confirm.Acked():
		if o.channel.settled(o.route.key, false) > o.session.config.StallAfter {
			o.session.renew(o.channel)
		}
		return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, errNotAcked)
	}
	o.channel.answers.Add(1)
	o.channel.settled(o.route.key, true)
	return nil
}

var errNotAcked = errors.New("refused by the broker, or the connection was lost")
