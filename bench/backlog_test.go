package bench

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/queue/sqlite"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	bodySize = 600
	batch    = 500
)

func TestMain(m *testing.M) {
	if !serveInstantBot() {
		testsvc.Main(m)
	}
}

// BenchmarkBacklog reports what a process holds in memory while b.N events wait in the
// queue: after it published them, and with a consumer on them. It has to be the same for
// ten thousand and for a million, but for the ids that RabbitMQ's handles remember:
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench Backlog -benchtime 10000x ./bench
//	go run ./internal/testsvc/withsvc -- go test -run - -bench Backlog -benchtime 1000000x ./bench
func BenchmarkBacklog(b *testing.B) {
	b.Run("RabbitMQ", func(b *testing.B) {
		q, err := rabbitmq.Open(b.Context(), rabbitmq.Config{URL: testsvc.StartRabbitMQ(b).URL})
		require.NoError(b, err)
		backlog(b, q)
	})
	b.Run("SQLite", func(b *testing.B) {
		q, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "queue.db")})
		require.NoError(b, err)
		backlog(b, q)
	})
}

func backlog(b *testing.B, q queue.Queue) {
	defer func() { require.NoError(b, q.Close()) }()
	require.NoError(b, q.DeclareBots(b.Context(), queue.Bots{"demo": 1}))
	before := heap()
	b.ResetTimer()
	for left := b.N; left > 0; left -= batch {
		require.NoError(b, q.Publish(b.Context(), events(b, min(left, batch))...))
	}
	b.StopTimer()
	b.ReportMetric(heap()-before, "publisher-MB")
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c, err := q.Subscribe(b.Context(), group, queue.SubscribeOptions{Prefetch: batch})
		require.NoError(b, err)
		ds, err := c.Receive(b.Context(), batch)
		require.NoError(b, err)
		b.ReportMetric(heap()-before, string(group)+"-MB")
		require.NoError(b, c.Ack(b.Context(), ds...))
		require.NoError(b, c.Close())
	}
}

// events are new events of as many order keys.
func events(b *testing.B, n int) []*event.Event {
	b.Helper()
	body := `{"text":"` + strings.Repeat("x", bodySize) + `"}`
	all := make([]*event.Event, n)
	for i := range all {
		id, err := event.NewID("")
		require.NoError(b, err)
		all[i] = &event.Event{ID: id, Bot: "demo", Type: "command", Time: time.Now(), OrderKey: id, Data: []byte(body)}
		all[i].Normalize()
	}
	return all
}

// heap is what is in use, in MB.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}
