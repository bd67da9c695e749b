package rabbitmq

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// The types of messages to all members that name a bot to be tried now, or an event of it that is given
// up.
const (
	retryNowType = "botgate.retry_now"
	giveUpType   = "botgate.give_up"
)

// RetryNow implements [queue.Queue].
func (q *Queue) RetryNow(ctx context.Context, bot string) error {
	return q.tellMembers(ctx, bot, amqp.Publishing{Type: retryNowType, Body: []byte(bot)})
}

// GiveUp implements [queue.Queue].
func (q *Queue) GiveUp(ctx context.Context, bot, id string) error {
	return q.tellMembers(ctx, bot, amqp.Publishing{Type: giveUpType, MessageId: id, Body: []byte(bot)})
}

// tellMembers publishes a message about a bot to the processes that consume Dispatch; see
// consume_members.go. Where bots share queues, nobody knows which names are those of bots.
func (q *Queue) tellMembers(ctx context.Context, bot string, message amqp.Publishing) error {
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
	for _, c := range q.dispatchers() {
		c.hurry(func(e *event.Event) bool { return e.Bot == bot })
		c.options().TellRetryNow(bot)
	}
}

// hearGiveUp has them give up an event.
func (q *Queue) hearGiveUp(bot, id string) {
	for _, c := range q.dispatchers() {
		c.options().TellGiveUp(bot, id)
		c.hurry(func(e *event.Event) bool { return e.Bot == bot && e.ID == id })
	}
}

// dispatchers lists the consumers of Dispatch.
func (q *Queue) dispatchers() (all []*consumer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.consumers {
		if c.group == queue.Dispatch {
			all = append(all, c)
		}
	}
	return all
}

// hurry makes ready which events wait for their retry, oldest first.
func (c *consumer) hurry(which func(*event.Event) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sleepers []*item
	for sub := range c.subscriptions {
		for _, it := range sub.items {
			if it.state == sleeping && which(it.delivery.Event) {
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
		if it.state == waiting && which(it.delivery.Event) {
			it.due = time.Now()
		}
	}
}
