package rabbitmq

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/testsvc"
)

// remove deletes what declare made.
func (t topology) remove(ch *amqp.Channel) error {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch, queue.Dead} {
		for _, d := range t.queues(group, "bot", "other") {
			if _, err := ch.QueueDelete(d.name, false, false, false); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{t.events, t.changes, t.recording(), t.dispatch(), t.unrecorded(), t.unrouted()} {
		if err := ch.ExchangeDelete(name, false, false); err != nil {
			return err
		}
	}
	return nil
}

// refusing returns a queue that refuses everything of an event's bot.
func refusing(t *testing.T) (*Queue, *connection, *event.Event) {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	q, err := Open(t.Context(), Config{URL: testsvc.RabbitMQ(t), Prefix: "t-" + id, StallAfter: 20 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, time.Minute, 10*time.Millisecond)
	conn, err := q.publishing.connection(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.withChannel(q.topology.remove)) })
	e := &event.Event{ID: id, Bot: "bot", Type: "command", Time: time.Now(), OrderKey: "key", Data: []byte("{}")}
	e.Normalize()
	require.NoError(t, q.DeclareBots(t.Context(), queue.Bots{"bot": 1}))
	full := q.topology.botQueue("bot", 0)
	require.NoError(t, conn.withChannel(func(ch *amqp.Channel) error {
		if _, err := ch.QueueDelete(full, false, false, false); err != nil {
			return err
		}
		_, err := ch.QueueDeclare(full, true, false, false, false, amqp.Table{"x-max-length": 0, "x-overflow": "reject-publish"})
		if err != nil {
			return err
		}
		return ch.QueueBind(full, "bot.0", q.topology.dispatch(), false, nil)
	}))
	return q, conn, e
}

// What is refused for one bot for too long goes through a new channel, on the same
// connection and without disturbing what goes elsewhere.
func TestRefusingChannelIsReplaced(t *testing.T) {
	t.Parallel()
	q, conn, e := refusing(t)
	old := conn.channels[0].Load()
	require.Eventually(t, func() bool {
		require.ErrorIs(t, q.Publish(t.Context(), e), queue.ErrUnconfirmed)
		return conn.channels[0].Load() != old
	}, time.Minute, time.Millisecond)
	require.Eventually(t, old.IsClosed, time.Minute, time.Millisecond)
	for range 2 * publishChannels {
		o := *e
		var err error
		o.ID, err = event.NewID("")
		require.NoError(t, err)
		o.Bot = "other"
		require.NoError(t, q.Publish(t.Context(), &o))
	}
	now, err := q.publishing.connection(t.Context())
	require.NoError(t, err)
	require.Same(t, conn, now)
}

// A refusal that is only looked at after the end of the connection, when no channel can be replaced
// any more, holds nobody up.
func TestRefusalAfterTheEnd(t *testing.T) {
	t.Parallel()
	q, conn, e := refusing(t)
	m := newMessage(q.topology, e)
	c := conn.nextChannel()
	c.ledger.refusedFor(m.destination)
	c.ledger.refused[m.destination] = time.Now().Add(-time.Hour)
	free := newRoom(1)
	require.True(t, free.take(1))
	o, err := c.send(conn, &m, free, 1)
	require.NoError(t, err)
	<-o.confirm.Done()
	conn.mu.Lock()
	conn.ended = true
	conn.mu.Unlock()
	c.awaitLate(&o)
	require.Eventually(t, func() bool { return free.take(1) }, time.Minute, time.Millisecond, "the room of the message")
	conn.mu.Lock() // Nobody keeps it.
	defer conn.mu.Unlock()
}
