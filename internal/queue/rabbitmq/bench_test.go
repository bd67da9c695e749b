package rabbitmq_test

import (
	"context"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	benchCallers = 64
	benchBody    = 644
	benchBatch   = 250
)

// BenchmarkPublish compares confirmed publishes from many callers with what the plain
// library does to the same queues: 4 channels of one connection, deferred confirms; and with
// what a history costs.
func BenchmarkPublish(b *testing.B) {
	url := testsvc.RabbitMQ(b)
	prefix := newPrefix(b, url)
	q := openReady(b, rabbitmq.Config{URL: url, Prefix: prefix})
	b.Run("botgate", func(b *testing.B) {
		fromCallers(b, func(e *event.Event) error { return q.Publish(context.Background(), e) })
	})
	b.Run("plain", func(b *testing.B) {
		fromCallers(b, plainPublisher(b, url, prefix))
	})
	b.Run("history", func(b *testing.B) {
		q := openReady(b, rabbitmq.Config{URL: url, Prefix: newPrefix(b, url), History: queue.DefaultRetention})
		fromCallers(b, func(e *event.Event) error { return q.Publish(context.Background(), e) })
	})
}

// fromCallers divides b.N publishes between the callers.
func fromCallers(b *testing.B, publish func(*event.Event) error) {
	events := make([]*event.Event, b.N)
	for n := range events {
		events[n] = newEvent(b, "key")
		events[n].Data = make([]byte, benchBody)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var group sync.WaitGroup
	for n := range benchCallers {
		group.Go(func() {
			for i := n; i < len(events); i += benchCallers {
				if err := publish(events[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func plainPublisher(b *testing.B, url, prefix string) func(*event.Event) error {
	conn, err := amqp.Dial(url)
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	channels := make(chan *amqp.Channel, benchCallers)
	for range 4 {
		ch, err := conn.Channel()
		require.NoError(b, err)
		require.NoError(b, ch.Confirm(false))
		for range benchCallers / 4 {
			channels <- ch
		}
	}
	return func(e *event.Event) error {
		ch := <-channels
		defer func() { channels <- ch }()
		confirm, err := ch.PublishWithDeferredConfirm(prefix+".events", "bot.0", true, false, amqp.Publishing{
			MessageId: e.ID, Timestamp: e.Time, Type: e.Type, AppId: e.Bot, DeliveryMode: amqp.Persistent,
			Headers: amqp.Table{"microseconds": int32(e.Time.Nanosecond() / 1000), "orderkey": e.OrderKey}, Body: e.Data,
		})
		if err == nil && !confirm.Wait() {
			err = queue.ErrUnconfirmed
		}
		return err
	}
}

// BenchmarkConsume compares receiving and acknowledging with the plain library.
func BenchmarkConsume(b *testing.B) {
	url := testsvc.RabbitMQ(b)
	b.Run("botgate", func(b *testing.B) {
		q, _ := filled(b, url)
		c, err := q.Subscribe(b.Context(), queue.Record, queue.SubscribeOptions{Prefetch: 2 * benchBatch})
		require.NoError(b, err)
		b.ReportAllocs()
		b.ResetTimer()
		for left := b.N; left > 0; {
			ds, err := c.Receive(b.Context(), min(left, benchBatch))
			require.NoError(b, err)
			require.NoError(b, c.Ack(b.Context(), ds...))
			left -= len(ds)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("plain", func(b *testing.B) {
		_, prefix := filled(b, url)
		conn, err := amqp.Dial(url)
		require.NoError(b, err)
		defer func() { _ = conn.Close() }()
		ch, err := conn.Channel()
		require.NoError(b, err)
		require.NoError(b, ch.Qos(2*benchBatch, 0, false))
		deliveries, err := ch.Consume(prefix+".record", "", false, false, false, false, nil)
		require.NoError(b, err)
		b.ReportAllocs()
		b.ResetTimer()
		for n := 1; n <= b.N; n++ {
			d := <-deliveries
			if n%benchBatch == 0 || n == b.N {
				require.NoError(b, d.Ack(true))
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

// filled is a queue with b.N events in it.
func filled(b *testing.B, url string) (q *rabbitmq.Queue, prefix string) {
	prefix = newPrefix(b, url)
	q = openReady(b, rabbitmq.Config{URL: url, Prefix: prefix})
	for left := b.N; left > 0; {
		events := make([]*event.Event, min(left, 1000))
		for n := range events {
			events[n] = newEvent(b, "key")
			events[n].Data = make([]byte, benchBody)
		}
		require.NoError(b, q.Publish(context.Background(), events...))
		left -= len(events)
	}
	return q, prefix
}
