package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/sqlite"
	"github.com/botgate/botgate/internal/testsvc"
)

// neighbour is a bot that does not get done with what it has.
type neighbour struct {
	name string
	bot  http.HandlerFunc // Nil for one that refuses connections.
	key  string           // Of all events; each has one of its own where it is empty.
	wait time.Duration    // How long its events are deferred.
}

var neighbours = []neighbour{
	{name: "hangs", bot: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	{name: "503", bot: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }},
	{name: "refuses"},
	{name: "drips", bot: drip},
	{name: "deferred", bot: func(http.ResponseWriter, *http.Request) {}, key: "user", wait: time.Hour},
	{name: "one-key", bot: func(http.ResponseWriter, *http.Request) {}, key: "key"},
}

// drip answers a byte each second.
func drip(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		_, _ = w.Write([]byte("x"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(time.Second):
		}
	}
}

// waitingOfNeighbour is how many events the neighbour has.
const waitingOfNeighbour = 10_000

// BenchmarkNeighbours sends b.N events to a healthy bot, one after the other, and measures from the call
// of Publish to the request: beside a bot of the same process that has 10 000 events and does not get
// done with them; and in turn, so that both see the same machine, with a queue and a dispatcher of their
// own where the other bot has nothing.
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench Neighbours -benchtime 1000x ./bench
func BenchmarkNeighbours(b *testing.B) {
	for _, n := range neighbours {
		b.Run("RabbitMQ/"+n.name, func(b *testing.B) {
			url := testsvc.StartRabbitMQ(b).URL
			beside(b, n, func() (queue.Queue, error) {
				return rabbitmq.Open(b.Context(), rabbitmq.Config{URL: url, Prefix: strings.ToLower(rand.Text())})
			})
		})
		b.Run("SQLite/"+n.name, func(b *testing.B) {
			beside(b, n, func() (queue.Queue, error) {
				return sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "queue.db")})
			})
		})
	}
}

func beside(b *testing.B, n neighbour, open func() (queue.Queue, error)) {
	alone, with := newSide(b, n, open), newSide(b, n, open)
	for left := waitingOfNeighbour; left > 0; left -= batch {
		all := eventsOfBot(b, "neighbour", batch, n.key, n.wait)
		require.Eventually(b, func() bool { return with.q.Publish(b.Context(), all...) == nil }, time.Minute, time.Millisecond)
	}
	for range 50 { // Connections are made, and the neighbour has as many requests as it gets.
		alone.trip(b)
		with.trip(b)
	}
	took := [2][]time.Duration{}
	for b.Loop() {
		took[0], took[1] = append(took[0], alone.trip(b)), append(took[1], with.trip(b))
	}
	b.ReportMetric(0, "ns/op")
	for _, p := range []int{50, 99} {
		var at [2]float64
		for i, name := range []string{"alone", "with"} {
			slices.Sort(took[i])
			at[i] = took[i][len(took[i])*p/100].Seconds() * 1000
			b.ReportMetric(at[i], fmt.Sprintf("%s-p%d-ms", name, p))
		}
		b.ReportMetric(at[1]/at[0], fmt.Sprintf("p%d-ratio", p))
	}
}

// side is a queue with a dispatcher and two bots, of which one is healthy.
type side struct {
	q       queue.Queue
	arrived chan struct{}
}

func newSide(b *testing.B, n neighbour, open func() (queue.Queue, error)) *side {
	q, err := open()
	require.NoError(b, err)
	s := &side{q: q, arrived: make(chan struct{}, 1)}
	set := bots.Set{
		"healthy":   benchBot(b, func(http.ResponseWriter, *http.Request) { s.arrived <- struct{}{} }),
		"neighbour": benchBot(b, n.bot),
	}
	require.Eventually(b, func() bool { return q.Ready(b.Context()) == nil }, time.Minute, 10*time.Millisecond)
	require.NoError(b, q.DeclareBots(b.Context(), set.Queues()))
	d, err := dispatch.New(dispatch.Config{Queue: q, Bots: set})
	require.NoError(b, err)
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	b.Cleanup(func() {
		stop()
		running.Wait()
		require.NoError(b, q.Close())
	})
	return s
}

// trip is how long an event takes to the healthy bot.
func (s *side) trip(b *testing.B) time.Duration {
	e := eventsOfBot(b, "healthy", 1, "", 0)
	began := time.Now()
	require.NoError(b, s.q.Publish(b.Context(), e...))
	<-s.arrived
	return time.Since(began)
}

// benchBot has the bot of a handler; nil refuses connections.
func benchBot(b *testing.B, f http.HandlerFunc) bots.Bot {
	url := "http://127.0.0.1:1"
	if f != nil {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // Else it would not notice that the client is gone.
			f(w, r)
		}))
		b.Cleanup(server.Close)
		url = server.URL
	}
	secret := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	return bots.Bot{URL: url, AllowPrivate: true, Secrets: []string{secret}, Timeout: 5 * time.Second}.WithDefaults()
}

// eventsOfBot are events of one order key, or of one each.
func eventsOfBot(b *testing.B, bot string, n int, key string, wait time.Duration) []*event.Event {
	all := events(b, n)
	for _, e := range all {
		e.Bot = bot
		if key != "" {
			e.OrderKey = key
		}
		if wait > 0 {
			e.NotBefore = e.Time.Add(wait)
		}
	}
	return all
}
