package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// maxSubscriptions keeps the channels of a connection below the broker's default limit, 2047.
const maxSubscriptions = 2000

// DeclareBots implements [queue.Queue]. Without a connection, the next one does it.
func (q *Queue) DeclareBots(ctx context.Context, bots queue.Bots) error {
	if err := q.usable(ctx); err != nil {
		return err
	}
	q.topology.learn(bots)
	conn, _, _ := q.publishing.get()
	// A broker that blocks publishers reads nothing of what they ask for.
	if conn != nil && conn.blocked.Load() == nil {
		return q.declareBots(conn, q.declaredBots()...)
	}
	return nil
}

// declaredBots are those of [Queue.DeclareBots].
func (q *Queue) declaredBots() (names []string) {
	for name := range q.topology.bots.Range {
		names = append(names, name.(string))
	}
	return names
}

// declareBots declares the queues of bots, once on each connection.
func (q *Queue) declareBots(conn *connection, bots ...string) error {
	var missing []string
	for _, bot := range bots {
		if n, ok := conn.bots.Load(bot); !ok || n != q.topology.queuesOf(bot) {
			missing = append(missing, bot)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	queues := q.topology.ofBots(missing...)
	if err := conn.withChannel(func(ch *amqp.Channel) error { return declareQueues(ch, queues) }); err != nil {
		return fmt.Errorf("%w: %w", queue.ErrUnavailable, explain(err))
	}
	for _, bot := range missing {
		conn.bots.Store(bot, q.topology.queuesOf(bot))
	}
	return nil
}

// declareBotsOf declares the queues that events for Dispatch go to.
func (q *Queue) declareBotsOf(ctx context.Context, events ...*event.Event) error {
	conn, err := q.publishing.connection(ctx)
	if err == nil {
		err = conn.takesMessages()
	}
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.ForBot() {
			err = errors.Join(err, q.declareBots(conn, q.topology.lane(e)))
		}
	}
	return err
}

// reroute moves a message from the queue of an alternate exchange to the one that it belongs to,
// which it declares again. It stands there behind what came meanwhile.
func (c *consumer) reroute(ctx context.Context, sub *subscription, m *amqp.Delivery, e *event.Event) {
	home := c.queue.topology.home(c.group, e)
	err := c.pass(ctx, sub, m, forward(m, home.name), func() error {
		conn, err := c.queue.consuming.connection(ctx)
		if err != nil {
			return err
		}
		conn.awaitCancels(ctx, home.name)
		return conn.withChannel(func(ch *amqp.Channel) error { return declareQueues(ch, []declaration{home}) })
	})
	if err != nil {
		sub.fail(fmt.Errorf("moving a message that no queue took: %w", err))
		return
	}
	c.queue.config.Logger.Warn("no queue took an event; it was moved to its queue, which may have been deleted or unbound by hand",
		slog.String("queue", home.name), e.LogAttr())
}

// cancelTime is how long the broker may take to tell consumers that their queue was deleted.
const cancelTime = time.Second

// awaitCancels waits, where a queue is gone, until its consumers know. If it is declared again before, RabbitMQ 3.10 says
// nothing to them, consumes the new queue in their place and loses sight of what it hands out to them.
func (conn *connection) awaitCancels(ctx context.Context, name string) {
	err := conn.withChannel(func(ch *amqp.Channel) error {
		_, err := inspect(ch, name)
		return err
	})
	if answered(err, amqp.NotFound) {
		retry.Sleep(ctx, cancelTime)
	}
}
