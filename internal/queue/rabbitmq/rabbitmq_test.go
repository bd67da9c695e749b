package rabbitmq_test

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/queuetest"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, harness(rabbitmq.Config{History: queue.DefaultRetention}))
}

func TestRetention(t *testing.T) {
	t.Parallel()
	queuetest.RunRetention(t, harness(rabbitmq.Config{History: queuetest.Retention}))
}

// harness is for queues of its own.
func harness(config rabbitmq.Config) func(t *testing.T) queuetest.Harness {
	return func(t *testing.T) queuetest.Harness {
		config.URL = testsvc.RabbitMQ(t)
		config.Prefix = newPrefix(t, config.URL)
		return queuetest.Harness{
			Open:    func(t *testing.T) queue.Queue { return open(t, config) },
			History: !config.History.Off(),
			Answers: true,
		}
	}
}

// newPrefix makes names for one test, and deletes what was declared under them.
func newPrefix(t testing.TB, url string) string {
	t.Helper()
	prefix := "test-" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		conn, err := amqp.Dial(url)
		if err != nil {
			return // The broker is gone, and all that was in it.
		}
		defer func() { _ = conn.Close() }()
		ch, err := conn.Channel()
		require.NoError(t, err)
		for _, name := range queueNames(prefix) {
			_, err := ch.QueueDelete(name, false, false, false)
			require.NoError(t, err)
		}
		for _, name := range []string{".events", ".changes", ".history", ".recording", ".dispatch", ".unrecorded", ".unrouted", ".members"} {
			require.NoError(t, ch.ExchangeDelete(prefix+name, false, false))
		}
	})
	return prefix
}

func queueNames(prefix string) []string {
	names := []string{prefix + ".record", prefix + ".dead", prefix + ".history", prefix + ".unrecorded", prefix + ".unrouted"}
	opened.Lock()
	defer opened.Unlock()
	for _, q := range opened.byPrefix[prefix] {
		names = append(names, q.BotQueues()...)
	}
	for _, name := range queuetest.ParkingLots {
		names = append(names, prefix+".record.parked."+name)
	}
	return names
}

// opened has the handles, to know what they declared.
var opened = struct {
	sync.Mutex
	byPrefix map[string][]*rabbitmq.Queue
}{byPrefix: map[string][]*rabbitmq.Queue{}}

func open(t testing.TB, config rabbitmq.Config) *rabbitmq.Queue {
	t.Helper()
	q, err := rabbitmq.Open(t.Context(), config)
	require.NoError(t, err)
	opened.Lock()
	opened.byPrefix[config.Prefix] = append(opened.byPrefix[config.Prefix], q)
	opened.Unlock()
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

func openReady(t testing.TB, config rabbitmq.Config) *rabbitmq.Queue {
	t.Helper()
	q := open(t, config)
	awaitReady(t, q)
	require.NoError(t, q.DeclareBots(t.Context(), queue.Bots{"bot": 1}))
	return q
}

func awaitReady(t testing.TB, q queue.Queue) {
	t.Helper()
	require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, time.Minute, 10*time.Millisecond)
}

func newEvent(t testing.TB, orderKey string) *event.Event {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	e := &event.Event{ID: id, Bot: "bot", Type: "command", Time: time.Now(), OrderKey: orderKey, VerifiedBy: "jwt", Data: []byte("{}")}
	e.Normalize()
	return e
}

// receiveOne waits for the next delivery of a consumer.
func receiveOne(t testing.TB, c queue.Consumer) *queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ds, err := c.Receive(ctx, 1)
	require.NoError(t, err)
	return ds[0]
}
