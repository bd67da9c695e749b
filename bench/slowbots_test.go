package bench

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	slowBots = 64
	// slowAnswer is how long these take to answer, in the mean.
	slowAnswer = time.Second
	// slowEvents are enough to keep four processes busy. Measured is from one tenth of them to nine.
	slowEvents = 2560
)

// warmup is the type of events that are not counted.
const warmup = "warmup"

// BenchmarkSlowBots delivers to bots that are slow to answer, with one dispatch process and then with
// four, which share the queues of the bots; their handles are in the process of the benchmark. What
// counts is how many times as much the four deliver:
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench SlowBots -benchtime 1x ./bench
func BenchmarkSlowBots(b *testing.B) {
	for range b.N {
		one := deliverSlowly(b, 1)
		four := deliverSlowly(b, 4)
		b.ReportMetric(one, "one/s")
		b.ReportMetric(four, "four/s")
		b.ReportMetric(four/one, "times")
	}
}

// deliverSlowly returns how many events a second so many processes deliver.
func deliverSlowly(b *testing.B, processes int) float64 {
	b.Helper()
	var answered atomic.Int64
	begun, done := make(chan struct{}), make(chan struct{})
	bot := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("ce-type") == warmup {
			return
		}
		<-time.After(slowAnswer/2 + rand.N(slowAnswer))
		switch answered.Add(1) {
		case slowEvents / 10:
			close(begun)
		case slowEvents * 9 / 10:
			close(done)
		}
	}))
	defer bot.Close()
	set := bots.Set{}
	for n := range slowBots {
		name := fmt.Sprint("bot-", n)
		secret := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
		set[name] = bots.Bot{Name: name, URL: bot.URL, AllowPrivate: true, Secrets: []string{secret}}.WithDefaults()
	}
	config := rabbitmq.Config{
		URL: testsvc.RabbitMQ(b), Prefix: fmt.Sprint("bench-", time.Now().UnixNano()),
		Sharing: rabbitmq.Sharing{AnnounceInterval: 50 * time.Millisecond, SettleTime: 300 * time.Millisecond},
	}
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	handles := make([]*rabbitmq.Queue, processes)
	for n := range handles {
		q, err := rabbitmq.Open(ctx, config)
		require.NoError(b, err)
		handles[n] = q
		d, err := dispatch.New(dispatch.Config{Queue: q, Bots: set})
		require.NoError(b, err)
		running.Go(func() {
			_ = d.Run(ctx)
			_ = q.Close()
		})
	}
	for _, q := range handles {
		require.Eventually(b, func() bool {
			activity, err := q.Activity(ctx)
			return err == nil && activity.Owned == slowBots/processes
		}, time.Minute, 10*time.Millisecond)
	}
	// A queue that was just made can refuse the first message.
	warm := eventsForAll(b, slowBots)
	for _, e := range warm {
		e.Type = warmup
	}
	require.Eventually(b, func() bool {
		return handles[0].Publish(ctx, warm...) == nil
	}, time.Minute, 100*time.Millisecond)
	all := eventsForAll(b, slowEvents)
	require.NoError(b, handles[0].Publish(ctx, all...))
	<-begun
	began := time.Now()
	<-done
	return slowEvents * 8 / 10 / time.Since(began).Seconds()
}

// eventsForAll are events for each of the bots in turn.
func eventsForAll(b *testing.B, n int) []*event.Event {
	b.Helper()
	all := events(b, n)
	for i, e := range all {
		e.Bot = fmt.Sprint("bot-", i%slowBots)
	}
	return all
}
