package rabbitmq

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// redeliveryWait is how long redeliveries may take after a queue is consumed again. A message
// that was not redelivered by then went to another process.
const redeliveryWait = 5 * time.Second

// inflight tracks, by id, deliveries whose channel closed while a handler held them, so that
// the redelivery is matched to it and not handed out twice; and those that were retried
// before, so that neither their attempts nor their delay start over.
type inflight map[string]*item

// keep tracks an item whose subscription has ended, if it is held or was retried.
func (in inflight) keep(it *item) bool {
	switch it.state {
	case out, moving:
	case waiting, ready, sleeping:
		if it.retries == 0 {
			return false
		}
		it.stop()
		it.release()
		it.state = waiting
	default:
		return false
	}
	in[it.id] = it
	return true
}

// match returns the item that a redelivered message belongs to, nil for none, and stops
// tracking it.
func (in inflight) match(id string, sub *subscription, m *amqp.Delivery) *item {
	it := in[id]
	if it != nil {
		delete(in, id)
		it.sub, it.tag, it.message = sub, m.DeliveryTag, m
		if it.state == waiting { // Nobody has what was recalled.
			it.renew()
		}
	}
	return it
}

// has reports whether this very item is tracked.
func (in inflight) has(it *item) bool { return in[it.id] == it }

// expire drops items that were due before a time and were not redelivered: another process has
// them.
func (in inflight) expire(before time.Time) {
	for id, it := range in {
		if it.state == waiting && it.due.Before(before) {
			delete(in, id)
		}
	}
}

// redeliveryPending is why an item can't be moved now, nil when it can: while its
// redelivery is outstanding, another process may have the message. The lock is held.
func (c *consumer) redeliveryPending(it *item) error {
	if !c.inflight.has(it) {
		return nil
	}
	for sub := range c.subscriptions {
		if sub.name == it.sub.name && time.Since(sub.since) > redeliveryWait {
			// If it is redelivered after all, that is the same attempt.
			it.state, it.due = waiting, time.Now()
			return queue.ErrLost
		}
	}
	return fmt.Errorf("%w: its connection was lost and the message was not redelivered yet", queue.ErrUnavailable)
}
