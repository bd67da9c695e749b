package rabbitmq

import (
	"context"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

// A channel of RabbitMQ can refuse everything for one queue for as long as it lives, while
// the queue is well and other channels reach it: one that first published while the node
// with the queue's leader went down keeps asking that node (seen with 3.10). A full queue nacks,
// too, and only a new channel distinguishes the two.

// refusedFor notes whether the broker acked or nacked a message, and returns for how long it has
// nacked everything that goes to the same queues.
func (c *confirmChannel) refusedFor(to destination, acked bool) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if acked {
		delete(c.refused, to)
		return 0
	}
	first, again := c.refused[to]
	if !again {
		first = time.Now()
		c.refused[to] = first
	}
	return time.Since(first)
}

// replaceChannel replaces a channel that nacks for too long. What is in flight on the old one may
// be confirmed first.
func (conn *connection) replaceChannel(old *confirmChannel) {
	if !old.retired.CompareAndSwap(false, true) {
		return
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	if conn.ended {
		return
	}
	conn.watch.Go(func() {
		fresh, err := conn.openChannel()
		if err != nil {
			conn.fail(err)
			return
		}
		for n := range conn.channels {
			conn.channels[n].CompareAndSwap(old, fresh)
		}
		ctx, cancel := context.WithTimeout(conn.life, conn.config.PublishTimeout)
		defer cancel()
		for old.inFlight.Load() > 0 && retry.Sleep(ctx, conn.config.PublishTimeout/50) {
		}
		// After the end of the connection it is closed already.
		_ = old.Close()
	})
}
