package rabbitmq

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// passAttempts bounds how often one subscription tries to move a message.
const passAttempts = 5

// reject dead-letters a message that is no event.
func (c *consumer) reject(ctx context.Context, sub *subscription, m *amqp.Delivery, cause error) {
	info := queue.DeadInfo{Group: c.group, Reason: cause.Error(), At: time.Now()}
	err := c.pass(ctx, sub, m, newDeadLetter(c.queue.topology, m, info), func() error { return nil })
	if err != nil {
		sub.fail(fmt.Errorf("moving a message that is no event to the dead letters: %w", err))
		return
	}
	c.queue.config.Logger.Error("a message is no event and went to the dead letters",
		"group", string(c.group), "cause", cause)
}

// pass moves a message that nobody is to receive, while the subscription goes on. The prefetch
// bounds how many there are at a time. If it fails, the caller ends the subscription, so that the
// message is redelivered to the next one.
func (c *consumer) pass(ctx context.Context, sub *subscription, m *amqp.Delivery, to message, prepare func() error) error {
	publish := func() error {
		if err := prepare(); err != nil {
			return err
		}
		return c.queue.publish(ctx, []message{to})
	}
	err := publish()
	for n := 1; n < passAttempts && err != nil && ctx.Err() == nil; n++ {
		retry.Sleep(ctx, reconnectBackoff.Delay(n))
		err = publish()
	}
	if err != nil {
		return err
	}
	return sub.settle(m.DeliveryTag)
}
