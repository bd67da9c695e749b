package rabbitmq_test

import (
	"context"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestTooLargeForTheBroker sends what is above the broker's max_message_size beside what is not: only
// the first is refused, and no connection is lost.
func TestTooLargeForTheBroker(t *testing.T) {
	t.Parallel()
	server, logged := testsvc.StartRabbitMQWith(t, "max_message_size = 20000"), new(testlog.Buffer)
	q := openReady(t, rabbitmq.Config{URL: server.URL, Logger: logged.Logger()})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := startPublishers(ctx, t, q, 8)
	large := func() *event.Event {
		e := newEvent(t, "large")
		e.Data = make([]byte, 30_000)
		return e
	}
	for round := range 20 {
		p.awaitConfirmed(t, 20*round)
		require.ErrorIs(t, q.Publish(t.Context(), large()), queue.ErrTooLarge)
		require.ErrorIs(t, q.PublishTo(t.Context(), queue.Dispatch, large()), queue.ErrTooLarge)
	}
	require.ErrorIs(t, q.Publish(t.Context(), newEvent(t, "k"), large(), newEvent(t, "k")), queue.ErrTooLarge)
	requireUnanswered(t, q, large())
	p.awaitConfirmed(t, 500)
	require.Zero(t, p.failures(), "the others go through")
	require.Equal(t, 1, strings.Count(logged.String(), "connected to the queue\" connection=publish"), logged.String())
}

// requireUnanswered publishes an event that somebody waits for beside one that is too large, so on a channel of its own: it
// arrives, and its answer is late.
func requireUnanswered(t *testing.T, q *rabbitmq.Queue, large *event.Event) {
	t.Helper()
	e := newEvent(t, "k")
	e.Bot, e.ReplyBy = "waits", time.Now().Add(time.Minute)
	require.ErrorIs(t, q.Publish(t.Context(), e, large), queue.ErrTooLarge)
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: queue.Bots{"waits": 1}})
	require.NoError(t, err)
	deliveries, err := c.Receive(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, e.ID, deliveries[0].Event.ID)
	require.False(t, c.Answer(t.Context(), deliveries[0], &event.Answer{Body: []byte("x")}))
	require.NoError(t, c.Ack(t.Context(), deliveries...))
	require.NoError(t, c.Close())
}

// TestPublishTo publishes for one group at a time: the other one gets nothing, and a queue that
// refuses is named.
func TestPublishTo(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, PublishTimeout: time.Minute})
	require.NoError(t, q.DeclareBots(t.Context(), queue.Bots{"bot": 1}))
	ch := dialChannel(t, address)
	depth := func(name string) int {
		state, err := ch.QueueDeclarePassive(prefix+name, true, false, false, false, nil)
		require.NoError(t, err)
		return state.Messages
	}
	require.NoError(t, q.PublishTo(t.Context(), queue.Record, newEvent(t, "k")))
	require.Equal(t, [2]int{1, 0}, [2]int{depth(".record"), depth(".bot.bot")})
	require.NoError(t, q.PublishTo(t.Context(), queue.Dispatch, newEvent(t, "k")))
	require.Equal(t, [2]int{1, 1}, [2]int{depth(".record"), depth(".bot.bot")})

	full(t, ch, prefix+".record", prefix+".recording", "")
	e := newEvent(t, "k")
	for range 10 {
		requireRefused(t, q.PublishTo(t.Context(), queue.Record, e), prefix+".record")
	}
	require.NoError(t, q.PublishTo(t.Context(), queue.Dispatch, e))
	require.Equal(t, 2, depth(".bot.bot"), "once")
	requireRefused(t, q.Publish(t.Context(), newEvent(t, "k")), prefix+".record", prefix+".bot.bot")
}

// full puts a queue that takes nothing into the place of another one.
func full(t *testing.T, ch *amqp.Channel, name, exchange, key string) {
	t.Helper()
	_, err := ch.QueueDelete(name, false, false, false)
	require.NoError(t, err)
	args := amqp.Table{"x-max-length": 0, "x-overflow": "reject-publish"}
	_, err = ch.QueueDeclare(name, true, false, false, false, args)
	require.NoError(t, err)
	require.NoError(t, ch.QueueBind(name, key, exchange, false, nil))
}

func requireRefused(t *testing.T, err error, queues ...string) {
	t.Helper()
	require.ErrorIs(t, err, queue.ErrUnconfirmed)
	var refused *queue.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, queues, refused.Queues)
}
