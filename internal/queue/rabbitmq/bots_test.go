package rabbitmq_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// What no queue takes, since a binding or a queue is gone, is kept, told about, and consumed all
// the same.
func TestUnroutedIsConsumed(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	for name, c := range map[string]struct {
		group  queue.Group
		remove func(t *testing.T, prefix string) error
	}{
		"a bot's queue deleted": {queue.Dispatch, func(t *testing.T, prefix string) error {
			_, err := dialChannel(t, address).QueueDelete(prefix+".bot.bot", false, false, false)
			return err
		}},
		"a bot's queue unbound": {queue.Dispatch, func(t *testing.T, prefix string) error {
			return dialChannel(t, address).QueueUnbind(prefix+".bot.bot", "bot.0", prefix+".dispatch", nil)
		}},
		"the queue of record deleted": {queue.Record, func(t *testing.T, prefix string) error {
			_, err := dialChannel(t, address).QueueDelete(prefix+".record", false, false, false)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prefix, logged := newPrefix(t, address), &logBuffer{}
			q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, Logger: slog.New(slog.NewTextHandler(logged, nil))})
			require.NoError(t, c.remove(t, prefix))
			e, next := newEvent(t, "key"), newEvent(t, "key")
			require.NoError(t, q.Publish(t.Context(), e))
			consumer, err := q.Subscribe(t.Context(), c.group, queue.SubscribeOptions{})
			require.NoError(t, err)
			d := receiveOne(t, consumer)
			require.Equal(t, e.ID, d.Event.ID)
			require.NoError(t, consumer.Ack(t.Context(), d))
			logged.await(t, "level=WARN", "no queue took an event", e.ID)
			require.NoError(t, q.Publish(t.Context(), next))
			require.Equal(t, next.ID, receiveOne(t, consumer).Event.ID)
		})
	}
}

// A queue that is deleted under its consumer, and declared again at once by who publishes next, is consumed again, and
// the others go on.
func TestDeletedQueueComesBack(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix})
	require.NoError(t, q.DeclareBots(t.Context(), queue.Bots{"other": 1}))
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	other := newEvent(t, "key")
	other.Bot = "other"
	require.NoError(t, q.Publish(t.Context(), other))
	held := receiveOne(t, c)
	_, err = dialChannel(t, address).QueueDelete(prefix+".bot.bot", false, false, false)
	require.NoError(t, err)
	e := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), e))
	require.Equal(t, e.ID, receiveOne(t, c).Event.ID)
	require.NoError(t, c.Ack(t.Context(), held), "its channel lives")
}

// Bots by the thousand share queues, and keep their order; who disagrees about that finds out.
func TestSharedQueues(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	shared := address + "?queues=shared"
	if strings.Contains(address, "?") {
		shared = address + "&queues=shared"
	}
	q := openReady(t, rabbitmq.Config{URL: shared, Prefix: prefix})
	bots, want, got := queue.Bots{}, map[string][]string{}, map[string][]string{}
	for n := range 100 {
		e := newEvent(t, "key")
		e.Bot = "bot-" + string(rune('a'+n%20))
		bots[e.Bot] = 1
		want[e.Bot] = append(want[e.Bot], e.ID)
		require.NoError(t, q.Publish(t.Context(), e))
	}
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{Bots: bots})
	require.NoError(t, err)
	for range 100 {
		d := receiveOne(t, c)
		got[d.Event.Bot] = append(got[d.Event.Bot], d.Event.ID)
		require.NoError(t, c.Ack(t.Context(), d))
	}
	require.Equal(t, want, got)

	err = reasonOf(t, open(t, rabbitmq.Config{URL: address, Prefix: prefix}))
	require.ErrorContains(t, err, prefix+".dispatch")
	require.ErrorContains(t, err, "other settings")
}
