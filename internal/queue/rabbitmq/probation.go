package rabbitmq

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

const (
	// suspectReturns is how often the broker took an event back before it is suspected of
	// crashing its consumers. It is more than [queue.SuspectAfter], because the broker also
	// counts what a consumer only held in memory, and lost connections.
	suspectReturns = 8
	// markExpiry is how long the broker keeps the marks of an event that nobody asks for.
	markExpiry = 24 * time.Hour
	// suspectPause is the pause after a mark that could not be left.
	suspectPause = 200 * time.Millisecond
	// unmarkTimeout bounds the removal of marks when the consumer ends.
	unmarkTimeout = 2 * time.Second
)

// A suspect is handed out alone: each consumer has at most one in hand, and before that it
// leaves a mark at the broker, which it takes away when the event is out of its hand. A
// consumer that crashes can't, so the marks of an event count the crashes that nothing else
// under suspicion can have caused. They are messages in a queue of the event's own.

// suspects are the items of a consumer that wait for their turn. The consumer's lock guards
// them.
type suspects struct {
	waiting []*item
	wake    chan struct{} // Has an element when there may be one.
}

// suspect reports whether an item has to wait for its turn.
func (it *item) suspect() bool {
	return it.inHand == nil && headerInt(it.message.Headers, "x-delivery-count") >= suspectReturns
}

// leaveHand says that nobody works on the item any more.
func (it *item) leaveHand() {
	if it.inHand != nil {
		close(it.inHand)
		it.inHand = nil
	}
}

// probe hands out suspects, one after the other, until the consumer is closed.
func (c *consumer) probe() {
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
			c.await(it)
			sleep(c.ctx, suspectPause)
			continue
		}
		if left := c.handOut(it, marks); left != nil {
			select {
			case <-left:
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

// await has a suspect wait for its turn, unless it is lost.
func (c *consumer) await(it *item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.state == ready {
		c.queueSuspect(it)
	}
}

// queueSuspect lets a suspect wait for its turn. The lock is held.
func (c *consumer) queueSuspect(it *item) {
	c.suspects.waiting = append(c.suspects.waiting, it)
	select {
	case c.suspects.wake <- struct{}{}:
	default:
	}
}

// handOut gives a suspect to the next Receive. The channel is closed when it is out of hand;
// nil means that it never was in.
func (c *consumer) handOut(it *item, marks int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.state != ready {
		return nil
	}
	d := *it.delivery
	d.Crashes = queue.SuspectAfter + marks
	it.delivery = &d
	left := make(chan struct{})
	it.inHand = left
	c.queued = append(c.queued, it)
	c.signal()
	return left
}

// mark leaves a mark and returns how many there were.
func (q *Queue) mark(ctx context.Context, name string) (before int, err error) {
	s, err := q.consuming.session(ctx)
	if err != nil {
		return 0, err
	}
	err = s.withChannel(func(ch *amqp.Channel) error {
		state, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-expires": markExpiry.Milliseconds()})
		before = state.Messages
		return err
	})
	if err != nil {
		return 0, err
	}
	return before, q.publish(ctx, []message{{"", name, amqp.Publishing{DeliveryMode: amqp.Persistent}}})
}

// unmark takes the marks away. Where that fails, the next crash counts for one more.
func (q *Queue) unmark(name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.ctx), unmarkTimeout)
	defer cancel()
	s, err := q.consuming.session(ctx)
	if err != nil {
		return
	}
	_ = s.withChannel(func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(name, false, false, false)
		return err
	})
}
