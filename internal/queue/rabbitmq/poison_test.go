package rabbitmq_test

import (
	"context"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestSuspectsComeAlone has consumers come and go with events in hand so often that the
// events are under suspicion, though none of the consumers crashed.
func TestSuspectsComeAlone(t *testing.T) {
	t.Parallel()
	url := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, url)
	q := openReady(t, rabbitmq.Config{URL: url, Prefix: prefix})
	subscribe := func() queue.Consumer {
		c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
		require.NoError(t, err)
		return c
	}
	for range 3 {
		require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
	}
	for range 8 {
		c := subscribe()
		require.Zero(t, receiveOne(t, c).Crashes)
		require.NoError(t, c.Close())
	}
	c := subscribe()
	first := receiveOne(t, c)
	require.True(t, marked(t, url, prefix, first.Event.ID))
	require.NoError(t, c.Close())
	require.False(t, marked(t, url, prefix, first.Event.ID), "an orderly end leaves no mark")

	c = subscribe()
	fresh := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), fresh))
	suspect, came := (*queue.Delivery)(nil), false
	for range 2 {
		if d := receiveOne(t, c); d.Event.ID == fresh.ID {
			came = true
		} else {
			suspect = d
		}
	}
	require.True(t, came, "an event that is not suspected need not wait")
	requireNothing(t, c)
	for left := 3; left > 0; left-- {
		require.Equal(t, queue.SuspectAfter, suspect.Crashes)
		require.NoError(t, c.Ack(t.Context(), suspect))
		if left > 1 {
			suspect = receiveOne(t, c)
		}
	}
	requireNothing(t, c)
}

// marked reports whether there are marks of an event.
func marked(t *testing.T, url, prefix, id string) bool {
	t.Helper()
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclarePassive(prefix+".suspect.record."+id, true, false, false, false, nil)
	return err == nil
}

// requireNothing asks for a delivery for a moment.
func requireNothing(t *testing.T, c queue.Consumer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	ds, err := c.Receive(ctx, 10)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, ds)
}
