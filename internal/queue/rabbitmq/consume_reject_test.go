package rabbitmq_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// A message that is no event goes to the dead letters, also when those are missing at
// first.
func TestForeignMessageIsDeadLettered(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix})
	ch := dialChannel(t, address)
	_, err := ch.QueueDelete(prefix+".dead", false, false, false)
	require.NoError(t, err)
	foreign(t, ch, prefix+".record")
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	requireForeignDead(t, q)
	e := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), e))
	require.Equal(t, e.ID, receiveOne(t, c).Event.ID)
}

// While a message that is no event is on its way to the dead letters, what is behind it
// is delivered.
func TestForeignMessageStallsNothing(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	proxy := testsvc.StartProxy(t, address)
	logged := &logBuffer{}
	q := openReady(t, rabbitmq.Config{
		URL: proxy.URL, Prefix: prefix, PublishTimeout: time.Hour, Logger: slog.New(slog.NewTextHandler(logged, nil)),
	})
	foreign(t, dialChannel(t, address), prefix+".record")
	e := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), e))
	proxy.Mute() // The publishing connection, which is found dead after some heartbeats.
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	require.Equal(t, e.ID, receiveOne(t, c).Event.ID)
	require.False(t, logged.has("no connection to the queue"), "the event waited for the other message")
	proxy.Cut()
	requireForeignDead(t, q)
}

// A message that can't be moved to the dead letters is tried again with another subscription.
func TestForeignMessageRestartsTheSubscription(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	logged := &logBuffer{}
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, Logger: slog.New(slog.NewTextHandler(logged, nil))})
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	ch := dialChannel(t, address)
	_, err = ch.QueueDelete(prefix+".dead", false, false, false)
	require.NoError(t, err)
	full := amqp.Table{"x-max-length": 0, "x-overflow": "reject-publish"}
	_, err = ch.QueueDeclare(prefix+".dead", true, false, false, false, full)
	require.NoError(t, err)
	foreign(t, ch, prefix+".record")
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
	d := receiveOne(t, c)
	logged.await(t, "consuming was interrupted", "moving a message that is no event")
	require.NoError(t, c.Ack(t.Context(), d), "it is still this consumer's")
	_, err = ch.QueueDelete(prefix+".dead", false, false, false)
	require.NoError(t, err)
	requireForeignDead(t, q)
}

func foreign(t *testing.T, ch *amqp.Channel, queueName string) {
	t.Helper()
	require.NoError(t, ch.Confirm(false))
	confirm, err := ch.PublishWithDeferredConfirm("", queueName, true, false, amqp.Publishing{MessageId: "x", Body: []byte("hello")})
	require.NoError(t, err)
	require.True(t, confirm.Wait())
}

func requireForeignDead(t *testing.T, q queue.Queue) {
	t.Helper()
	require.Eventually(t, func() bool {
		depths, err := q.Depths(t.Context())
		return err == nil && depths[queue.Dead] > 0
	}, patience, 10*time.Millisecond)
	dead, err := q.Subscribe(t.Context(), queue.Dead, queue.SubscribeOptions{})
	require.NoError(t, err)
	d := receiveOne(t, dead)
	require.Equal(t, "x", d.Event.ID)
	require.Equal(t, "hello", string(d.Event.Data))
	require.Equal(t, queue.Record, d.Dead.Group)
	require.Zero(t, d.Dead.Attempts, "nobody got it")
	require.NoError(t, dead.Ack(t.Context(), d))
}

// logBuffer keeps what was logged.
type logBuffer struct{ testlog.Buffer }

// has reports whether one line has all the parts.
func (l *logBuffer) has(parts ...string) bool {
lines:
	for line := range strings.Lines(l.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		return true
	}
	return false
}

func (l *logBuffer) await(t *testing.T, parts ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return l.has(parts...) }, patience, 10*time.Millisecond)
}
