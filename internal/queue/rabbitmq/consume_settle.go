package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// Ack implements [queue.Consumer]. A delivery whose connection was lost is remembered and
// acknowledged when it is redelivered to this handle; another process handles it again.
// Deliveries that are lost do not keep the others from being acknowledged.
func (c *consumer) Ack(_ context.Context, deliveries ...*queue.Delivery) error {
	items := c.takeToAck(deliveries)
	lost := len(deliveries) - len(items)
	if unacked := c.finish(items); c.done == nil {
		lost += unacked
	}
	if lost > 0 {
		return fmt.Errorf("acknowledging %d of %d deliveries: %w", lost, len(deliveries), queue.ErrLost)
	}
	return nil
}

// takeToAck marks the deliveries that the caller still holds as done.
func (c *consumer) takeToAck(deliveries []*queue.Delivery) []*item {
	c.mu.Lock()
	defer c.mu.Unlock()
	items := make([]*item, 0, len(deliveries))
	for _, d := range deliveries {
		if it := c.held(d); it != nil {
			if c.done != nil {
				c.done.add(it.id)
			}
			c.decide(it)
			items = append(items, it)
		}
	}
	return items
}

// decide fixes which delivery of the message is to be acked. The lock is held.
func (c *consumer) decide(it *item) {
	it.state = settling
	if c.inflight.has(it) {
		delete(c.inflight, it.id)
	}
}

// held is the item behind a delivery, nil when it is settled or lost. The lock is held.
func (c *consumer) held(d *queue.Delivery) *item {
	it, ok := d.Token.(*item)
	if !ok || it.state != out || it.delivery != d {
		return nil
	}
	if _, mine := c.subscriptions[it.sub]; mine || (c.inflight.has(it) && c.ctx.Err() == nil) {
		return it
	}
	return nil
}

// finish acks items that are decided and lets the next of their order keys go. It returns how
// many could not be acked, because their channel is closed.
func (c *consumer) finish(items []*item) (unacked int) {
	tags := map[*subscription][]uint64{}
	for _, it := range items {
		tags[it.sub] = append(tags[it.sub], it.tag)
	}
	for sub, tags := range tags {
		if err := sub.settle(tags...); err != nil {
			unacked += len(tags)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, it := range items {
		delete(it.sub.items, it.tag)
		delete(it.sub.ids, it.id)
		it.drop()
		c.checkDrained(it.sub)
		if _, live := c.subscriptions[it.sub]; !live || !c.ordered {
			continue
		}
		if next, ok := it.sub.orderKeys.leave(it.key, it); ok {
			c.schedule(next)
		}
	}
	return unacked
}

// Retry implements [queue.Consumer]. The delivery waits in this process, lost connections
// or not: if the consumer ends before the delay does, the event comes early to the next
// one, which counts its attempts from 1 again. A delay beyond the broker's consumer_timeout
// (30 min by default) costs a redelivery.
func (c *consumer) Retry(_ context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.requeue(d, delay, 1)
}

// Postpone implements [queue.Consumer]. As with Retry, the delivery waits in this process;
// what another consumer gets instead, it can postpone as well.
func (c *consumer) Postpone(_ context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.requeue(d, delay, 0)
}

func (c *consumer) requeue(d *queue.Delivery, delay time.Duration, attempts int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.held(d)
	if it == nil {
		return fmt.Errorf("requeueing: %w", queue.ErrLost)
	}
	it.redeliver(attempts)
	it.due = time.Now().Add(delay)
	it.state = waiting
	if !c.inflight.has(it) {
		c.schedule(it)
		c.checkDrained(it.sub)
	}
	return nil
}

// DeadLetter implements [queue.Consumer]. On ErrUnavailable and ErrUnconfirmed the caller still
// holds the delivery.
func (c *consumer) DeadLetter(ctx context.Context, d *queue.Delivery, reason string) error {
	info := queue.NewDeadInfo(d, c.group, reason)
	err := c.move(ctx, []*queue.Delivery{d}, func(m *amqp.Delivery) message {
		return newDeadLetter(c.queue.topology, m, info)
	})
	if err != nil {
		return fmt.Errorf("dead-lettering: %w", err)
	}
	return nil
}

// move publishes deliveries to another queue and acknowledges them once all are confirmed there: a
// crash in between leaves both, never neither. They are not done: they are to be handled when they
// come from there. Those that are lost do not keep the others from being moved.
func (c *consumer) move(ctx context.Context, deliveries []*queue.Delivery, forward func(*amqp.Delivery) message) error {
	items, messages, err := c.takeToMove(deliveries, forward)
	if err == nil {
		err = c.queue.publish(ctx, messages)
	}
	c.mu.Lock()
	for _, it := range items {
		switch {
		case err == nil:
			c.decide(it)
		case it.state == moving:
			it.state = out
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if lost := len(deliveries) - len(items) + c.finish(items); lost > 0 {
		return fmt.Errorf("%d of %d deliveries: %w", lost, len(deliveries), queue.ErrLost)
	}
	return nil
}

// takeToMove also returns the messages, because they may be redelivered meanwhile.
func (c *consumer) takeToMove(
	deliveries []*queue.Delivery, forward func(*amqp.Delivery) message,
) (items []*item, messages []message, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range deliveries {
		it := c.held(d)
		if it == nil {
			continue
		}
		switch err := c.redeliveryPending(it); {
		case err == nil:
			it.state = moving
			items, messages = append(items, it), append(messages, forward(it.message))
		case !errors.Is(err, queue.ErrLost):
			return items, nil, err
		}
	}
	return items, messages, nil
}
