package rabbitmq

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// retryNowType is the type of a message to all members that names a bot to be tried now.
const retryNowType = "botgate.retry_now"

// RetryNow implements [queue.Queue], by a message to the processes that consume Dispatch; see
// consume_members.go. Where bots share queues, nobody knows which names are those of bots.
func (q *Queue) RetryNow(ctx context.Context, bot string) error {
	if err := q.usable(ctx); err != nil {
		return err
	}
	conn, err := q.publishing.connection(ctx)
	if err == nil {
		err = conn.takesMessages()
	}
	if err != nil {
		return err
	}
	err = conn.withChannel(func(ch *amqp.Channel) error {
		if !q.topology.shared {
			if _, err := inspect(ch, q.topology.botQueue(bot, 0)); err != nil {
				return err
			}
		}
		if err := declareMembers(ch, q.topology.members()); err != nil {
			return err
		}
		message := amqp.Publishing{Type: retryNowType, Body: []byte(bot)}
		return ch.PublishWithContext(ctx, q.topology.members(), "", false, false, message)
	})
	switch {
	case answered(err, amqp.NotFound):
		return fmt.Errorf("%w: %s", queue.ErrUnknownBot, bot)
	case err != nil:
		return fmt.Errorf("%w: %w", queue.ErrUnavailable, explain(err))
	}
	return nil
}

// hearRetryNow has the consumers of Dispatch try a bot now.
func (q *Queue) hearRetryNow(bot string) {
	q.mu.Lock()
	var consumers []*consumer
	for c := range q.consumers {
		if c.group == queue.Dispatch {
			consumers = append(consumers, c)
		}
	}
	q.mu.Unlock()
	for _, c := range consumers {
		c.wakeBot(bot)
		c.prefetch.TellRetryNow(bot)
	}
}

// wakeBot makes ready what waits for its retry, oldest first.
func (c *consumer) wakeBot(bot string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sleepers []*item
	for sub := range c.subscriptions {
		for _, it := range sub.items {
			if it.state == sleeping && it.delivery.Event.Bot == bot {
				sleepers = append(sleepers, it)
			}
		}
	}
	slices.SortFunc(sleepers, func(a, b *item) int { return cmp.Compare(a.tag, b.tag) })
	for _, it := range sleepers {
		it.stop()
		c.push(it)
	}
	for _, it := range c.inflight {
		if it.state == waiting && it.delivery.Event.Bot == bot {
			it.due = time.Now()
		}
	}
}
