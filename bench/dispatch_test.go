package bench

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	// deliverRounds is how often each of two loops delivers, in turns; the best of each counts.
	deliverRounds = 5
	// deliverAtOnce is how many requests each of them has under way.
	deliverAtOnce = 64
)

// BenchmarkDispatch delivers b.N events of as many order keys from RabbitMQ to a bot that answers at once, in turns
// with a bare loop, which consumes, signs, sends and acknowledges, and tells nobody. What counts is
// the processor time of a delivery as a ratio; the bot and the broker are other processes:
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench 'Dispatch$' -benchtime 10000x ./bench
func BenchmarkDispatch(b *testing.B) {
	broker, bot := testsvc.StartRabbitMQ(b).URL, startInstantBot(b)
	loops := [2]deliverLoop{{name: "dispatch", run: runDispatch}, {name: "bare", run: runBare}}
	for range deliverRounds {
		for n := range loops {
			loops[n].round(b, broker, bot)
		}
	}
	for _, l := range loops {
		b.ReportMetric(l.cpu, l.name+"-cpu-µs")
		b.ReportMetric(l.rate, l.name+"/s")
	}
	b.ReportMetric(loops[0].cpu/loops[1].cpu, "cpu-ratio")
	b.ReportMetric(loops[0].rate/loops[1].rate, "rate-ratio")
	b.ReportMetric(0, "ns/op")
}

// deliverLoop is one of the two, with the best of its rounds.
type deliverLoop struct {
	name string
	// run delivers what waits in the queue to the bot, until stop. It calls acked for each that is acknowledged.
	run       func(b *testing.B, broker, prefix string, bot bots.Bot, acked func(int)) (stop func())
	cpu, rate float64 // Processor time of a delivery in microseconds, and deliveries a second.
}

// round delivers b.N events, which wait before it begins.
func (l *deliverLoop) round(b *testing.B, broker string, bot bots.Bot) {
	q, prefix := waiting(b, broker, b.N)
	require.NoError(b, q.Close())
	var count atomic.Int64
	done := make(chan struct{})
	cpu, began := testsvc.OwnProcessorTime(b), time.Now()
	stop := l.run(b, broker, prefix, bot, func(n int) {
		if count.Add(int64(n)) == int64(b.N) {
			close(done)
		}
	})
	<-done
	cpu, took := testsvc.OwnProcessorTime(b)-cpu, time.Since(began)
	stop()
	perEvent := float64(cpu.Microseconds()) / float64(b.N)
	if l.cpu == 0 || perEvent < l.cpu {
		l.cpu = perEvent
	}
	l.rate = max(l.rate, float64(b.N)/took.Seconds())
}

// runDispatch runs the role as botgate-backend has it: large bodies in a blob store, and a spool for outcomes.
func runDispatch(b *testing.B, broker, prefix string, bot bots.Bot, acked func(int)) (stop func()) {
	inner, err := rabbitmq.Open(b.Context(), rabbitmq.Config{URL: broker, Prefix: prefix})
	require.NoError(b, err)
	q := claimcheck.New(inner, claimcheck.Config{})
	s, err := spool.Open(b.Context(), spool.Config{Path: filepath.Join(b.TempDir(), "outcomes.db")})
	require.NoError(b, err)
	d, err := dispatch.New(dispatch.Config{
		Queue:       countedQueue{s.Queue(q, spool.Options{}), acked},
		Bots:        bots.Set{"demo": bot},
		Concurrency: deliverAtOnce,
	})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(b, <-ended)
		require.NoError(b, s.Close())
		require.NoError(b, q.Close())
	}
}

// countedQueue counts what is acknowledged.
type countedQueue struct {
	queue.Queue
	acked func(int)
}

func (q countedQueue) Subscribe(ctx context.Context, g queue.Group, o queue.SubscribeOptions) (queue.Consumer, error) {
	c, err := q.Queue.Subscribe(ctx, g, o)
	return countedConsumer{c, q.acked}, err
}

type countedConsumer struct {
	queue.Consumer
	acked func(int)
}

func (c countedConsumer) Ack(ctx context.Context, deliveries ...*queue.Delivery) error {
	err := c.Consumer.Ack(ctx, deliveries...)
	if err == nil {
		c.acked(len(deliveries))
	}
	return err
}

// runBare consumes from the bot's queue with the bare libraries.
func runBare(b *testing.B, broker, prefix string, bot bots.Bot, acked func(int)) (stop func()) {
	conn, err := amqp.Dial(broker)
	require.NoError(b, err)
	ch, err := conn.Channel()
	require.NoError(b, err)
	require.NoError(b, ch.Qos(8*deliverAtOnce, 0, false))
	arriving, err := ch.Consume(prefix+".bot.demo", "", false, false, false, false, nil)
	require.NoError(b, err)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(bot.Secrets[0], "whsec_"))
	require.NoError(b, err)
	transport := &http.Transport{MaxIdleConnsPerHost: deliverAtOnce}
	l := bareSender{&http.Client{Transport: transport, Timeout: bot.Timeout}, bot.URL, key}
	var workers sync.WaitGroup
	for range deliverAtOnce {
		workers.Go(func() {
			for m := range arriving {
				if !l.send(m) || m.Ack(false) != nil {
					return // The benchmark then does not end.
				}
				acked(1)
			}
		})
	}
	return func() {
		require.NoError(b, conn.Close())
		workers.Wait()
		transport.CloseIdleConnections()
	}
}

// bareSender signs and sends, and no more.
type bareSender struct {
	client *http.Client
	url    string
	key    []byte
}

// send reports whether the bot took a message.
func (l bareSender) send(m amqp.Delivery) bool {
	request, err := http.NewRequest(http.MethodPost, l.url, bytes.NewReader(m.Body))
	if err != nil {
		return false
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, l.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", m.MessageId, at, m.Body)
	request.Header.Set("Content-Type", m.ContentType)
	request.Header.Set("Webhook-Id", m.MessageId)
	request.Header.Set("Webhook-Timestamp", at)
	request.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	response, err := l.client.Do(request)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.Body.Close() == nil && err == nil && response.StatusCode == http.StatusOK
}
