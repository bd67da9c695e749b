package rabbitmq

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// copyWait is how long after a queue is consumed again its messages may take to come.
// What did not come by then went to another process.
const copyWait = 5 * time.Second

// strays are the items by id that outlast the connection they came through: those that
// the caller still works on, so that nobody works on them a second time here, and those
// that were tried before, so that neither their attempts nor their delay begin anew.
// The broker sends their messages again, without knowing any of that.
type strays map[string]*item

// keep makes an item a stray, unless nothing about it is worth that. The feed has ended.
func (s strays) keep(it *item) bool {
	switch it.state {
	case out, moving:
	case waiting, ready, sleeping:
		if it.retries == 0 {
			return false
		}
		it.stop()
		it.leaveHand()
		it.state = waiting
	default:
		return false
	}
	s[it.id] = it
	return true
}

// adopt returns the item that a message belongs to, nil for none, and ties the two.
func (s strays) adopt(id string, f *feed, m *amqp.Delivery) *item {
	it := s[id]
	if it != nil {
		delete(s, id)
		it.feed, it.tag, it.message = f, m.DeliveryTag, m
	}
	return it
}

// has reports whether this very item is among them.
func (s strays) has(it *item) bool { return s[it.id] == it }

// forget lets go of what was due before a time and has not come again: another process
// has it.
func (s strays) forget(before time.Time) {
	for id, it := range s {
		if it.state == waiting && it.due.Before(before) {
			delete(s, id)
		}
	}
}

// absent is why an item cannot be buried now, nil when it can: the message of a stray may
// be with another process, which then decides about it. The lock is held.
func (c *consumer) absent(it *item) error {
	if !c.strays.has(it) {
		return nil
	}
	for f := range c.feeds {
		if f.name == it.feed.name && time.Since(f.attached) > copyWait {
			// It may come yet; then as the attempt that this one was.
			it.state, it.due = waiting, time.Now()
			return queue.ErrLost
		}
	}
	return fmt.Errorf("%w: its connection was lost and the message did not come again yet", queue.ErrUnavailable)
}
