package rabbitmq

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// Ack implements [queue.Consumer]. Deliveries that are lost keep the others from nothing.
func (c *consumer) Ack(_ context.Context, deliveries ...*queue.Delivery) error {
	items := c.claim(deliveries)
	lost := len(deliveries) - len(items)
	for rest := items; len(rest) > 0; {
		var run []*item
		run, rest = splitRun(rest)
		if err := c.ack(run); err != nil {
			lost += len(run)
			continue
		}
		c.settled(run, true)
	}
	if lost > 0 {
		return fmt.Errorf("acknowledging %d of %d deliveries: %w", lost, len(deliveries), queue.ErrLost)
	}
	return nil
}

// splitRun cuts off the first items of one feed.
func splitRun(items []*item) (run, rest []*item) {
	n := 1
	for n < len(items) && items[n].feed == items[0].feed {
		n++
	}
	return items[:n], items[n:]
}

// ack tells the broker about items of one feed.
func (c *consumer) ack(run []*item) error {
	tags := make([]uint64, len(run))
	for n, it := range run {
		tags[n] = it.tag
	}
	return run[0].feed.settle(tags...)
}

// claim takes the deliveries that the caller still has, for settling.
func (c *consumer) claim(deliveries []*queue.Delivery) []*item {
	c.mu.Lock()
	defer c.mu.Unlock()
	items := make([]*item, 0, len(deliveries))
	for _, d := range deliveries {
		if it := c.held(d); it != nil {
			it.state = settling
			items = append(items, it)
		}
	}
	return items
}

// held is the item behind a delivery, nil when it is settled or lost. The lock is held.
func (c *consumer) held(d *queue.Delivery) *item {
	it, ok := d.Token.(*item)
	if !ok || it.state != out || it.delivery != d {
		return nil
	}
	if _, mine := c.feeds[it.feed]; !mine {
		return nil
	}
	return it
}

// settled lets go of items and lets the next of their order keys go.
func (c *consumer) settled(items []*item, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, it := range items {
		if done && c.done != nil {
			c.done.add(it.id)
		}
		delete(it.feed.items, it.tag)
		delete(it.feed.ids, it.id)
		lost := it.state == gone // With its whole feed, lanes and all.
		it.end()
		if lost || !c.ordered {
			continue
		}
		if next, ok := it.feed.lanes.leave(it.key); ok {
			c.schedule(next)
		}
	}
}

// Retry implements [queue.Consumer]. The delivery waits in this process: if that ends
// before the delay does, the event comes early to the next consumer. A delay beyond the
// broker's consumer_timeout (30 min by default) costs a return to the broker.
func (c *consumer) Retry(_ context.Context, d *queue.Delivery, delay time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.held(d)
	if it == nil {
		return fmt.Errorf("retrying: %w", queue.ErrLost)
	}
	it.again()
	it.retries++
	it.due = time.Now().Add(delay)
	c.schedule(it)
	return nil
}

// Bury implements [queue.Consumer]. The dead letter is confirmed before the delivery is
// acknowledged: a crash in between leaves both, never neither. On ErrUnavailable and
// ErrUnconfirmed the delivery is still the caller's.
func (c *consumer) Bury(ctx context.Context, d *queue.Delivery, reason string) error {
	items := c.claim([]*queue.Delivery{d})
	if len(items) == 0 {
		return fmt.Errorf("burying: %w", queue.ErrLost)
	}
	it := items[0]
	death := queue.Death{Group: c.group, Reason: reason, Attempts: d.Attempt, At: time.Now()}
	err := c.queue.publish(ctx, []message{newDeadLetter(c.queue.topology, it.message, death)})
	if err != nil {
		c.unclaim(it)
		return fmt.Errorf("burying: %w", err)
	}
	if err := c.ack(items); err != nil {
		return fmt.Errorf("burying: %w", err)
	}
	// Not done: whoever replays it from the dead letters wants it worked on again.
	c.settled(items, false)
	return nil
}

// unclaim gives an item back to the caller.
func (c *consumer) unclaim(it *item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.state == settling {
		it.state = out
	}
}
