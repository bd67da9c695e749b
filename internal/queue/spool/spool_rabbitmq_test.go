package spool_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// counted counts what is published for Record alone.
type counted struct {
	queue.Queue
	record atomic.Int64
}

func (c *counted) PublishTo(ctx context.Context, group queue.Group, e *event.Event) error {
	if group == queue.Record {
		c.record.Add(1)
	}
	return c.Queue.PublishTo(ctx, group, e)
}

// TestRabbitMQ has a broker of its own: queues at their limit, and messages above the largest that it takes.
func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a broker")
	}
	server, logged := testsvc.StartRabbitMQWith(t, "max_message_size = 20000"), new(testlog.Buffer)
	broker, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URL: server.URL, Logger: logged.Logger()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	require.NoError(t, broker.DeclareBots(t.Context(), queue.Bots{"bot-0": 1, "bot-1": 1, "bot-2": 1}))
	require.Eventually(t, func() bool { return broker.Ready(t.Context()) == nil }, patience, tick)
	conn, err := amqp.Dial(server.URL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	ch, err := conn.Channel()
	require.NoError(t, err)
	depth := func(name string) int {
		state, err := ch.QueueDeclarePassive("botgate."+name, true, false, false, false, nil)
		require.NoError(t, err)
		return state.Messages
	}
	t.Run("record at its limit", func(t *testing.T) { recordAtItsLimit(t, server, broker, depth) })
	t.Run("a bot at its limit", func(t *testing.T) { botAtItsLimit(t, server, broker, depth) })
	t.Run("too large", func(t *testing.T) { tooLargeForTheBroker(t, broker, depth) })
	require.Equal(t, 1, strings.Count(logged.String(), "connected to the queue"), logged.String())
}

// limit bounds queues, and waits until they keep to it.
func limit(t *testing.T, server *testsvc.Server, broker queue.Queue, pattern string, group queue.Group) {
	t.Helper()
	server.Rabbitmqctl("set_policy", "limit", pattern, `{"max-length":1}`, "--apply-to", "queues")
	require.Eventually(t, func() bool {
		return broker.PublishTo(t.Context(), group, newEventFor(t, "bot-0", "limit", 0)) != nil
	}, patience, tick)
}

// recordAtItsLimit: each bot gets its events, and not more copies of them with each retry.
func recordAtItsLimit(t *testing.T, server *testsvc.Server, broker queue.Queue, depth func(string) int) {
	limit(t, server, broker, `^botgate\.record$`, queue.Record)
	full, c := depth("record"), &counted{Queue: broker}
	q := open(t, unowned{c}, spool.Config{}, spool.Options{})
	const each = 10
	inQueues := func() int { return depth("bot.bot-0") + depth("bot.bot-1") + depth("bot.bot-2") }
	for n := range 3 * each {
		require.NoError(t, q.Publish(t.Context(), newEventFor(t, fmt.Sprint("bot-", n%3), "k", n)))
	}
	require.Eventually(t, func() bool { return inQueues() >= 3*each && waitsForRecordOnly(q, 3*each) }, patience, tick)
	before, tried := inQueues(), c.record.Load()
	require.LessOrEqual(t, before, 2*3*each, "the publish for all queues, and the one for each")
	require.Eventually(t, func() bool { return c.record.Load() >= tried+2 }, patience, tick)
	require.Equal(t, before, inQueues(), "the retries leave nothing there")
	server.Rabbitmqctl("clear_policy", "limit")
	waitDrained(t, q)
	require.GreaterOrEqual(t, depth("record"), full+3*each)
	require.NoError(t, q.Close())
}

// waitsForRecordOnly reports whether no bot's own queue is waited for.
func waitsForRecordOnly(q *opened, events int) bool {
	for _, s := range q.file.BotStats() {
		if !s.Oldest.IsZero() {
			return false
		}
	}
	return q.Stats().Events == events
}

// botAtItsLimit: events of other bots go past.
func botAtItsLimit(t *testing.T, server *testsvc.Server, broker queue.Queue, depth func(string) int) {
	limit(t, server, broker, `^botgate\.bot\.bot-0$`, queue.Dispatch)
	q := open(t, unowned{broker}, spool.Config{}, spool.Options{})
	record, others := depth("record"), depth("bot.bot-1")
	const keys = 300
	for n := range keys {
		require.NoError(t, q.Publish(t.Context(), newEventFor(t, "bot-0", fmt.Sprint("k", n), n)))
	}
	for n := range 20 {
		require.NoError(t, q.Publish(t.Context(), newEventFor(t, "bot-1", fmt.Sprint("k", n), n)))
		require.Equal(t, others+n+1, depth("bot.bot-1"), "it is there when the call returns")
	}
	require.Eventually(t, func() bool { return depth("record") >= record+keys+20 }, patience, tick)
	require.Equal(t, keys, q.Stats().Events)
	server.Rabbitmqctl("clear_policy", "limit")
	waitDrained(t, q)
	require.NoError(t, q.Close())
}

// tooLargeForTheBroker spools what the broker will not take, beside what it will.
func tooLargeForTheBroker(t *testing.T, broker queue.Queue, depth func(string) int) {
	away := &fakeAway{}
	q := open(t, unowned{away}, spool.Config{}, spool.Options{})
	large := newEventFor(t, "bot-2", "k", 0)
	large.Data = make([]byte, 30_000)
	before := depth("bot.bot-2")
	require.NoError(t, q.Publish(t.Context(), large))
	for n := range 100 {
		require.NoError(t, q.Publish(t.Context(), newEventFor(t, "bot-2", fmt.Sprint("k", n), n)))
	}
	q.file.Queue(broker, spool.Options{})
	waitDrained(t, q)
	require.GreaterOrEqual(t, depth("bot.bot-2"), before+100)
	require.Greater(t, q.Stats().Bytes, int64(30_000), "it is kept aside")
	require.NoError(t, q.Close())
}

// fakeAway is a broker without a connection.
type fakeAway struct{ queue.Queue }

func (fakeAway) Publish(context.Context, ...*event.Event) error { return queue.ErrUnavailable }

func (fakeAway) PublishTo(context.Context, queue.Group, *event.Event) error {
	return queue.ErrUnavailable
}

func (fakeAway) Close() error { return nil }
