package rabbitmq

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// discardAttempts bounds how often one feed tries to get rid of a message.
const discardAttempts = 5

// discard moves a message that is no event to the dead letters, beside the feed, which
// goes on. The prefetch bounds how many there are at a time. If it fails, it ends the
// feed: the message then comes again with the next one.
func (c *consumer) discard(ctx context.Context, f *feed, m *amqp.Delivery, cause error) {
	death := queue.DeadInfo{Group: c.group, Reason: cause.Error(), At: time.Now()}
	letter := []message{newDeadLetter(c.queue.topology, m, death)}
	err := c.queue.publish(ctx, letter)
	for n := 1; n < discardAttempts && err != nil && ctx.Err() == nil; n++ {
		sleep(ctx, backoff(n-1))
		err = c.queue.publish(ctx, letter)
	}
	if err == nil {
		err = f.settle(m.DeliveryTag)
	}
	if err != nil {
		f.fail(fmt.Errorf("moving a message that is no event to the dead letters: %w", err))
		return
	}
	c.queue.config.Logger.Error("a message is no event and went to the dead letters",
		"group", string(c.group), "cause", cause)
}
