package rabbitmq

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// suspectReturns is how often an event was redelivered before it is a suspected poison
	// message. It is more than [queue.SuspectAfter], because the broker also counts what a
	// consumer only prefetched, and lost connections.
	suspectReturns = 8
	// markExpiry is how long the broker keeps the unused marks of an event.
	markExpiry = 24 * time.Hour
	// suspectPause is the pause after a mark that could not be published.
	suspectPause = 200 * time.Millisecond
	// unmarkTimeout bounds the removal of marks when the consumer ends.
	unmarkTimeout = 2 * time.Second
)

// A poison message is found by counting the consumers that crashed while they held it. Since
// the broker's x-delivery-count also counts what was only prefetched, an event with a high
// count is a suspect: a consumer holds at most one suspect at a time. Before it does, it
// publishes a mark to a queue for that event, and deletes that queue when it no longer holds
// the event. A consumer that crashes can't, so the marks of an event count the crashes that no
// other suspect can have caused.

// suspects are the items of a consumer that wait to be handed out alone. The consumer's lock
// guards them.
type suspects struct {
	waiting []*item
	wake    retry.Wake // There may be one.
}

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
	for {
		it := c.nextSuspect()
		if it == nil {
			select {
			case <-c.suspects.wake:
				continue
			case <-c.ctx.Done():
				return
			}
		}
		name := c.queue.topology.suspect(c.group, it.id)
		marks, err := c.queue.mark(c.ctx, name)
		if err != nil {
			c.requeueSuspect(it)
			retry.Sleep(c.ctx, suspectPause)
			continue
		}
		if released := c.handOutSuspect(it, marks); released != nil {
			select {
			case <-released:
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
	for len(c.suspects.waiting) > 0 {
		it := c.suspects.waiting[0]
		c.suspects.waiting = c.suspects.waiting[1:]
		if it.state == ready {
			return it
		}
	}
	return nil
}

// requeueSuspect has a suspect wait again, unless it is lost.
func (c *consumer) requeueSuspect(it *item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.state == ready {
		c.queueSuspect(it)
	}
}

// queueSuspect has a suspect wait to be handed out alone. The lock is held.
func (c *consumer) queueSuspect(it *item) {
	c.suspects.waiting = append(c.suspects.waiting, it)
	c.suspects.wake.Signal()
}

// handOutSuspect gives a suspect to the next Receive. The channel is closed when nobody holds it
// any more; nil means that it was lost.
func (c *consumer) handOutSuspect(it *item, marks int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.state != ready {
		return nil
	}
	d := *it.delivery
	d.Crashes = queue.SuspectAfter + marks
	it.delivery = &d
	released := make(chan struct{})
	it.held = released
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
	return before, q.publish(ctx, []message{{"", name, amqp.Publishing{DeliveryMode: amqp.Persistent}}})
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
