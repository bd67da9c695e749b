package rabbitmq

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// Ack implements [queue.Consumer]. A delivery whose connection was lost is remembered and
// acknowledged when it comes back to this handle; another process gets it again.
// Deliveries that are lost keep the others from nothing.
func (c *consumer) Ack(_ context.Context, deliveries ...*queue.Delivery) error {
	items := c.claim(deliveries)
	lost := len(deliveries) - len(items)
	if untold := c.release(items); c.done == nil {
		lost += untold
	}
	if lost > 0 {
		return fmt.Errorf("acknowledging %d of %d deliveries: %w", lost, len(deliveries), queue.ErrLost)
	}
	return nil
}

// claim decides that deliveries which the caller still has are done.
func (c *consumer) claim(deliveries []*queue.Delivery) []*item {
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

// decide fixes the copy of the message that the broker is to be told about. The lock is
// held.
func (c *consumer) decide(it *item) {
	it.state = settling
	if c.strays.has(it) {
		delete(c.strays, it.id)
	}
}

// held is the item behind a delivery, nil when it is settled or lost. The lock is held.
func (c *consumer) held(d *queue.Delivery) *item {
	it, ok := d.Token.(*item)
	if !ok || it.state != out || it.delivery != d {
		return nil
	}
	if _, mine := c.feeds[it.feed]; mine || (c.strays.has(it) && c.ctx.Err() == nil) {
		return it
	}
	return nil
}

// release tells the broker about items that are decided and lets the next of their order
// keys go. It returns how many the broker could not be told about.
func (c *consumer) release(items []*item) (untold int) {
	for rest := items; len(rest) > 0; {
		var run []*item
		run, rest = splitRun(rest)
		tags := make([]uint64, len(run))
		for n, it := range run {
			tags[n] = it.tag
		}
		if err := run[0].feed.settle(tags...); err != nil {
			untold += len(run)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, it := range items {
		delete(it.feed.items, it.tag)
		delete(it.feed.ids, it.id)
		it.end()
		if _, live := c.feeds[it.feed]; !live || !c.ordered {
			continue
		}
		if next, ok := it.feed.lanes.leave(it.key, it); ok {
			c.schedule(next)
		}
	}
	return untold
}

// splitRun cuts off the first items of one feed.
func splitRun(items []*item) (run, rest []*item) {
	n := 1
	for n < len(items) && items[n].feed == items[0].feed {
		n++
	}
	return items[:n], items[n:]
}

// Retry implements [queue.Consumer]. The delivery waits in this process, lost connections
// or not: if the consumer ends before the delay does, the event comes early to the next
// one, which counts its attempts from 1 again. A delay beyond the broker's consumer_timeout (30 min by default) costs a
// return to the broker.
func (c *consumer) Retry(_ context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.comeAgain(d, delay, 1)
}

// Postpone implements [queue.Consumer]. As with Retry, the delivery waits in this process;
// what another consumer gets instead, it can postpone as well.
func (c *consumer) Postpone(_ context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.comeAgain(d, delay, 0)
}

func (c *consumer) comeAgain(d *queue.Delivery, delay time.Duration, attempts int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.held(d)
	if it == nil {
		return fmt.Errorf("giving back: %w", queue.ErrLost)
	}
	it.again(attempts)
	it.due = time.Now().Add(delay)
	it.state = waiting
	if !c.strays.has(it) {
		c.schedule(it)
	}
	return nil
}

// DeadLetter implements [queue.Consumer]. The dead letter is confirmed before the delivery is
// acknowledged: a crash in between leaves both, never neither. On ErrUnavailable and
// ErrUnconfirmed the delivery is still the caller's.
func (c *consumer) DeadLetter(ctx context.Context, d *queue.Delivery, reason string) error {
	it, m, err := c.takeForDeadLetter(d)
	if err != nil {
		return fmt.Errorf("dead-lettering: %w", err)
	}
	info := queue.NewDeadInfo(d, c.group, reason)
	err = c.queue.publish(ctx, []message{newDeadLetter(c.queue.topology, m, info)})
	if err != nil {
		c.unclaim(it)
		return fmt.Errorf("dead-lettering: %w", err)
	}
	// Not done: a redrive wants it handled again.
	c.mu.Lock()
	c.decide(it)
	c.mu.Unlock()
	if c.release([]*item{it}) > 0 {
		return fmt.Errorf("dead-lettering: %w", queue.ErrLost)
	}
	return nil
}

// takeForDeadLetter also returns the message, because another copy of it may come meanwhile.
func (c *consumer) takeForDeadLetter(d *queue.Delivery) (*item, *amqp.Delivery, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.held(d)
	if it == nil {
		return nil, nil, queue.ErrLost
	}
	if err := c.absent(it); err != nil {
		return nil, nil, err
	}
	it.state = moving
	return it, it.message, nil
}

// unclaim gives an item back to the caller.
func (c *consumer) unclaim(it *item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.state == moving {
		it.state = out
	}
}
