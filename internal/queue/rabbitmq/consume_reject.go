package rabbitmq

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// rejectAttempts bounds how often one subscription tries to dead-letter a message.
const rejectAttempts = 5

// reject dead-letters a message that is no event, while the subscription goes on. The prefetch
// bounds how many there are at a time. If it fails, it ends the subscription, so that the
// message is redelivered to the next one.
func (c *consumer) reject(ctx context.Context, sub *subscription, m *amqp.Delivery, cause error) {
	info := queue.DeadInfo{Group: c.group, Reason: cause.Error(), At: time.Now()}
	deadLetter := []message{newDeadLetter(c.queue.topology, m, info)}
	err := c.queue.publish(ctx, deadLetter)
	for n := 1; n < rejectAttempts && err != nil && ctx.Err() == nil; n++ {
		retry.Sleep(ctx, reconnectBackoff.Delay(n))
		err = c.queue.publish(ctx, deadLetter)
	}
	if err == nil {
		err = sub.settle(m.DeliveryTag)
	}
	if err != nil {
		sub.fail(fmt.Errorf("moving a message that is no event to the dead letters: %w", err))
		return
	}
	c.queue.config.Logger.Error("a message is no event and went to the dead letters",
		"group", string(c.group), "cause", cause)
}
