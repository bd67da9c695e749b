package rabbitmq

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

const (
	// suspectReturns is how often an event was redelivered before it is a suspected poison
	// message. It is more than [queue.SuspectAfter], because the broker also counts what a
	// consumer only prefetched, and lost connections.
	suspectReturns = 8
	// markExpiry is how long the broker keeps the unused marks of an event.
	markExpiry = 24 * time.Hour
	// unmarkTimeout bounds the removal of marks when the consumer ends.
	unmarkTimeout = 2 * time.Second
)

// A poison message is found by counting the consumers that crashed while they held it. Since
// the broker's x-delivery-count also counts what was only prefetched, an event with a high
// count is a suspect: a consumer holds at most one suspect at a time. Before it does, it
// publishes a mark to a queue for that event, and deletes that queue when it no longer holds
// the event. A consumer that crashes can't, so the marks of an event count the crashes that no
// other suspect can have caused.

// suspect reports whether an item has to be handed out alone.
func (it *item) suspect() bool {
	return it.held == nil && headerInt(it.message.Headers, "x-delivery-count") >= suspectReturns
}

// release notes that nobody holds the item any more.
func (it *item) release() {
	if it.held != nil {
		close(it.held)
		it.held = nil
	}
}

// handOutSuspects hands out suspects, one after the other, until the consumer is closed.
func (c *consumer) handOutSuspects() {
	for c.ctx.Err() == nil {
		it := c.nextSuspect()
		if it == nil {
			select {
			case <-c.suspected:
			case <-c.ctx.Done():
			}
			continue
		}
		name, marks := c.queue.topology.suspect(c.group, it.id), 0
		marked := reconnectBackoff.Until(c.ctx, func() bool {
			var err error
			marks, err = c.queue.mark(c.ctx, name)
			return err == nil
		})
		if marked {
			select {
			case <-c.handOutSuspect(it, marks):
			case <-c.ctx.Done():
			}
		}
		c.queue.unmark(name)
	}
}

// nextSuspect takes the first that is still ready.
func (c *consumer) nextSuspect() *item {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.suspects) > 0 {
		it := c.suspects[0]
		c.suspects = c.suspects[1:]
		if it.state == ready {
			return it
		}
	}
	return nil
}

// handOutSuspect gives a suspect to the next Receive, unless it was lost meanwhile. The channel is
// closed when nobody holds it any more.
func (c *consumer) handOutSuspect(it *item, marks int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	released := make(chan struct{})
	if it.state != ready {
		close(released)
		return released
	}
	d := *it.delivery
	d.Crashes = queue.SuspectAfter + marks
	it.delivery, it.held = &d, released
	c.queued = append(c.queued, it)
	c.wake.Signal()
	return released
}

// mark publishes a mark and returns how many there were.
func (q *Queue) mark(ctx context.Context, name string) (before int, err error) {
	conn, err := q.consuming.connection(ctx)
	if err != nil {
		return 0, err
	}
	err = conn.withChannel(func(ch *amqp.Channel) error {
		state, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-expires": markExpiry.Milliseconds()})
		before = state.Messages
		return err
	})
	if err != nil {
		return 0, err
	}
	return before, q.publish(ctx, []message{{destination: toQueue(name), Publishing: amqp.Publishing{DeliveryMode: amqp.Persistent}}})
}

// unmark deletes the marks. If that fails, the next crash counts for one more.
func (q *Queue) unmark(name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.ctx), unmarkTimeout)
	defer cancel()
	conn, err := q.consuming.connection(ctx)
	if err != nil {
		return
	}
	_ = conn.withChannel(func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(name, false, false, false)
		return err
	})
}
