package rabbitmq_test

import (
	"errors"
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

// countHistory counts the events in the history.
func countHistory(t *testing.T, q *rabbitmq.Queue) (n int) {
	t.Helper()
	require.NoError(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, func(queue.HistoryRecord) error {
		n++
		return nil
	}))
	return n
}

func TestHistoryWithOtherLimits(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	first := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, History: queue.DefaultRetention})
	require.NoError(t, first.Publish(t.Context(), newEvent(t, "key")))
	other := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, History: queue.Retention{MaxAge: time.Hour, MaxBytes: 1 << 24}})
	require.NoError(t, other.Publish(t.Context(), newEvent(t, "key")))
	require.Equal(t, 2, countHistory(t, other), "limits that differ are no reason to refuse events")
}

func TestHistorySwitchedOff(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	config := rabbitmq.Config{URL: address, Prefix: prefix, History: queue.DefaultRetention}
	on := openReady(t, config)
	require.NoError(t, on.Publish(t.Context(), newEvent(t, "key")))
	require.NoError(t, on.Close())

	var logged testlog.Buffer
	config.History, config.HistoryOff, config.Logger = queue.Retention{}, true, logged.Logger()
	off := openReady(t, config)
	require.NoError(t, off.Publish(t.Context(), newEvent(t, "key")))
	require.ErrorIs(t, off.ReadHistory(t.Context(), queue.HistoryRange{}, nil), queue.ErrNoHistory)
	require.NoError(t, off.Close())
	require.Equal(t, 1, strings.Count(logged.String(), "the history is off, for all processes"))

	config.History, config.HistoryOff = queue.DefaultRetention, false
	require.Equal(t, 1, countHistory(t, openReady(t, config)), "what was accepted meanwhile is not in it")
}

// TestStrangerLeavesTheHistoryOn has a process publish, and a command read, that were not told of it.
func TestStrangerLeavesTheHistoryOn(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	host := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, History: queue.DefaultRetention})
	stranger := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix})
	require.NoError(t, stranger.Publish(t.Context(), newEvent(t, "key")))
	require.Equal(t, 1, countHistory(t, stranger))
	require.NoError(t, stranger.Close())
	require.NoError(t, host.Publish(t.Context(), newEvent(t, "key")))
	require.Equal(t, 2, countHistory(t, host))
}

// A history that nobody has switched on is not there for a process that leaves it as it is.
func TestNoHistory(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: newPrefix(t, address)})
	require.ErrorIs(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, nil), queue.ErrNoHistory)
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
}

// TestHistoryThatCannotBeMade has something else under its name: events are accepted without it.
func TestHistoryThatCannotBeMade(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	require.NoError(t, dialChannel(t, address).ExchangeDeclare(prefix+".history", "headers", true, false, false, false, nil))
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, History: queue.DefaultRetention})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
	require.ErrorIs(t, q.HistoryReady(), queue.ErrUnavailable)
}

func TestHistoryDeleted(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, History: queue.DefaultRetention})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
	ch := dialChannel(t, address)
	_, err := ch.QueueDelete(prefix+".history", false, false, false)
	require.NoError(t, err)
	// The next connection declares it again; meanwhile events are taken as ever.
	require.Eventually(t, func() bool {
		err := q.Publish(t.Context(), newEvent(t, "key"))
		require.True(t, err == nil || errors.Is(err, queue.ErrUnconfirmed) || errors.Is(err, queue.ErrUnavailable), "got %v", err)
		return err == nil
	}, patience, 10*time.Millisecond)
	other := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, History: queue.DefaultRetention})
	require.NoError(t, other.Publish(t.Context(), newEvent(t, "key")))
	require.Equal(t, 1, countHistory(t, other))
}

// TestForeignMessageInTheHistory reads on behind what is no event.
func TestForeignMessageInTheHistory(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix, History: queue.DefaultRetention})
	ch := dialChannel(t, address)
	publishForeign(t, ch, prefix+".history")
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
	require.Equal(t, 1, countHistory(t, q))
}

func publishForeign(t *testing.T, ch *amqp.Channel, name string) {
	t.Helper()
	require.NoError(t, ch.Confirm(false))
	confirm, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", name, true, false, amqp.Publishing{Body: []byte("?")})
	require.NoError(t, err)
	require.True(t, confirm.Wait())
}

// TestHistoryThatIsDown kills the broker at once after the history was made, which RabbitMQ
// 3.10 answers by never starting the stream again.
func TestHistoryThatIsDown(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRabbitMQ(t)
	older := openReady(t, rabbitmq.Config{URL: server.URL})
	require.NoError(t, older.Publish(t.Context(), newEvent(t, "key")))
	require.NoError(t, older.Close())
	server.AwaitQueues("botgate.record", "botgate.bot.bot")
	q := openReady(t, rabbitmq.Config{URL: server.URL, History: queue.DefaultRetention})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
	server.Kill()
	server.Restart()
	require.Eventually(t, func() bool {
		return q.Publish(t.Context(), newEvent(t, "key")) == nil
	}, patience, 50*time.Millisecond)
	err := q.ReadHistory(t.Context(), queue.HistoryRange{}, func(queue.HistoryRecord) error { return nil })
	if err != nil {
		require.ErrorIs(t, err, queue.ErrUnavailable)
	}
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")), "whether it works or not")
}
