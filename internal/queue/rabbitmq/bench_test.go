package rabbitmq_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	benchCallers  = 64
	benchBody     = 644
	benchBatch    = 250
	benchChannels = 4
	// benchRounds is how often publishers take turns, so that what else the machine does concerns all.
	benchRounds = 16
)

// BenchmarkPublish compares confirmed publishes from many callers with what the plain library does:
// "plain" to the same queues, with deferred confirms on some channels of one connection, "classic" in the
// same way to one classic queue, as a program without Botgate might. They take turns; each has the best of its rates,
// and what an event costs its process and the broker in processor time:
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench Publish$ -benchtime 40000x ./internal/queue/rabbitmq
func BenchmarkPublish(b *testing.B) {
	server := testsvc.StartRabbitMQ(b)
	q := openReady(b, rabbitmq.Config{URL: server.URL, Prefix: "bench"})
	broker := strings.Trim(strings.TrimSpace(server.Rabbitmqctl("eval", "os:getpid().")), `"`)
	_, err := dialChannel(b, server.URL).QueueDeclare("classic", true, false, false, false, nil)
	require.NoError(b, err)
	publishers := []*benchPublisher{
		{name: "botgate", publish: func(e *event.Event) error { return q.Publish(context.Background(), e) }},
		{name: "plain", publish: plainPublisher(b, server.URL, "bench.events", "bot.0", asBotgate)},
		{name: "classic", publish: plainPublisher(b, server.URL, "", "classic", bare)},
	}
	all := benchEvents(b, b.N)
	b.ResetTimer()
	for round := range benchRounds {
		for _, p := range publishers {
			p.run(b, broker, all[len(all)*round/benchRounds:len(all)*(round+1)/benchRounds])
		}
	}
	for _, p := range publishers {
		p.report(b)
	}
}

// BenchmarkPublishAllocs counts what a publish of Botgate's and one of the plain library allocate.
func BenchmarkPublishAllocs(b *testing.B) {
	url := testsvc.RabbitMQ(b)
	prefix := newPrefix(b, url)
	q := openReady(b, rabbitmq.Config{URL: url, Prefix: prefix})
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // As callers have one.
	defer cancel()
	for name, publish := range map[string]func(*event.Event) error{
		"botgate": func(e *event.Event) error { return q.Publish(ctx, e) },
		"plain":   plainPublisher(b, url, prefix+".events", "bot.0", asBotgate),
	} {
		b.Run(name, func(b *testing.B) {
			all := benchEvents(b, b.N)
			b.ReportAllocs()
			b.ResetTimer()
			fromCallers(b, all, publish)
		})
	}
}

// BenchmarkHistory is publishing with a history.
func BenchmarkHistory(b *testing.B) {
	url := testsvc.RabbitMQ(b)
	q := openReady(b, rabbitmq.Config{URL: url, Prefix: newPrefix(b, url), History: queue.DefaultRetention})
	all := benchEvents(b, b.N)
	b.ResetTimer()
	fromCallers(b, all, func(e *event.Event) error { return q.Publish(context.Background(), e) })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func benchEvents(b *testing.B, n int) []*event.Event {
	all := make([]*event.Event, n)
	for i := range all {
		e := newEvent(b, "")
		e.Subject, e.OrderKey = "user-"+strconv.Itoa(i%1000), ""
		e.ContentType, e.Data = "application/json", make([]byte, benchBody)
		e.Normalize()
		all[i] = e
	}
	return all
}

// fromCallers divides publishes between the callers.
func fromCallers(b *testing.B, events []*event.Event, publish func(*event.Event) error) {
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
}

// benchPublisher is one of those that are compared, with what it took so far.
type benchPublisher struct {
	name    string
	publish func(*event.Event) error

	events     int
	best       float64 // Events in a second.
	own, other time.Duration
}

func (p *benchPublisher) run(b *testing.B, broker string, events []*event.Event) {
	began, own, other := time.Now(), processorTime(b, "self"), processorTime(b, broker)
	fromCallers(b, events, p.publish)
	p.best = max(p.best, float64(len(events))/time.Since(began).Seconds())
	p.own += processorTime(b, "self") - own
	p.other += processorTime(b, broker) - other
	p.events += len(events)
}

func (p *benchPublisher) report(b *testing.B) {
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(p.events) }
	b.ReportMetric(p.best, p.name+"-events/s")
	b.ReportMetric(each(p.own), p.name+"-µs/event")
	b.ReportMetric(each(p.other), p.name+"-broker-µs/event")
}

// processorTime is what the threads of a process have used so far (Linux: /proc/pid/task/tid/schedstat, in
// nanoseconds).
func processorTime(b *testing.B, pid string) (sum time.Duration) {
	b.Helper()
	threads, err := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
	require.NoError(b, err)
	for _, thread := range threads {
		raw, err := os.ReadFile(thread)
		if err != nil {
			continue // It has ended.
		}
		used, err := strconv.ParseInt(strings.Fields(string(raw))[0], 10, 64)
		require.NoError(b, err)
		sum += time.Duration(used)
	}
	return sum
}

// asBotgate is the message that Botgate makes of an event.
func asBotgate(e *event.Event) amqp.Publishing {
	return amqp.Publishing{
		ContentType: e.ContentType, CorrelationId: e.Subject, MessageId: e.ID, Timestamp: e.Time, Type: e.Type, AppId: e.Bot,
		Headers: amqp.Table{"microseconds": int32(e.Time.Nanosecond() / 1000)}, DeliveryMode: amqp.Persistent, Body: e.Data,
	}
}

// bare has nothing that a program could do without.
func bare(e *event.Event) amqp.Publishing {
	return amqp.Publishing{ContentType: e.ContentType, DeliveryMode: amqp.Persistent, Body: e.Data}
}

// plainPublisher publishes with the plain library.
func plainPublisher(
	b *testing.B, url, exchange, key string, message func(*event.Event) amqp.Publishing,
) func(*event.Event) error {
	conn, err := amqp.Dial(url)
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	channels := make(chan *amqp.Channel, benchCallers)
	for range benchChannels {
		ch, err := conn.Channel()
		require.NoError(b, err)
		require.NoError(b, ch.Confirm(false))
		for range benchCallers / benchChannels {
			channels <- ch
		}
	}
	return func(e *event.Event) error {
		ch := <-channels
		defer func() { channels <- ch }()
		confirm, err := ch.PublishWithDeferredConfirm(exchange, key, true, false, message(e))
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
