package spool_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/testsvc"
)

// publishFrom64 publishes events of many order keys from 64 callers.
func publishFrom64(b *testing.B, q queue.Queue) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			if err := q.Publish(b.Context(), newEvent(b, fmt.Sprint(n%100), n)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkPublish compares publishing to a broker that is well with and without a spool.
// "RabbitMQ" needs one; "nothing" shows what the spool takes by itself.
func BenchmarkPublish(b *testing.B) {
	brokers := map[string]func(b *testing.B) queue.Queue{
		"nothing": func(*testing.B) queue.Queue { return sink{} },
		"RabbitMQ": func(b *testing.B) queue.Queue {
			q, err := rabbitmq.Open(b.Context(), rabbitmq.Config{URL: testsvc.RabbitMQ(b), Prefix: "spoolbench"})
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, q.Close()) })
			require.NoError(b, q.Ready(b.Context()))
			return q
		},
	}
	for name, broker := range brokers {
		b.Run(name+"/direct", func(b *testing.B) { publishFrom64(b, broker(b)) })
		b.Run(name+"/spool", func(b *testing.B) {
			publishFrom64(b, open(b, unowned{broker(b)}, spool.Config{}, spool.Options{}))
		})
	}
}

// BenchmarkDrain measures how fast b.N events of 64 order keys go from the file to a broker
// that is well again.
func BenchmarkDrain(b *testing.B) {
	broker := &broker{}
	broker.behave(always(unavailable))
	q := open(b, broker, spool.Config{}, spool.Options{})
	const keys = 64
	for n := 0; n < b.N; n += keys {
		events := make([]*event.Event, min(keys, b.N-n))
		for i := range events {
			events[i] = newEvent(b, fmt.Sprint(i), n+i)
		}
		require.NoError(b, q.Publish(b.Context(), events...))
	}
	b.ResetTimer()
	broker.behave(nil)
	waitDrained(b, q)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
