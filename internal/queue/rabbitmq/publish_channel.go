package rabbitmq

import (
	"context"

	"github.com/botgate/botgate/internal/retry"
)

// A channel of RabbitMQ can refuse everything for one queue for as long as it lives, while
// the queue is well and other channels reach it: one that first published while the node
// with the queue's leader went down keeps asking that node (seen with 3.10). A full queue nacks,
// too, and only a new channel distinguishes the two.

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
