package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/record"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// BenchmarkRecord takes a backlog of b.N events from RabbitMQ to PostgreSQL in batches of so
// many at most, beside the least that such a loop can do: consume, insert bare rows, and
// acknowledge, with the same number of connections.
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench 'Record$' -benchtime 100000x -count 3 ./bench
func BenchmarkRecord(b *testing.B) {
	broker := testsvc.StartRabbitMQ(b).URL
	for _, size := range []int{200, 500, 1000, 2000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { recordAll(b, broker, size) })
	}
	b.Run("bare", func(b *testing.B) { bareLoops(b, broker) })
}

func recordAll(b *testing.B, broker string, size int) {
	q, _ := waiting(b, broker, b.N)
	s := openStore(b)
	done, count := make(chan struct{}), atomic.Int64{}
	b.ResetTimer()
	stop := startRecord(b, record.Config{Queue: q, Store: s, BatchSize: size, Notify: func(entries []store.Entry) {
		if count.Add(int64(len(entries))) == int64(b.N) {
			close(done)
		}
	}})
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	stop()
}

// BenchmarkRecordAlone writes one event after the other, each when the one before is recorded:
// from the queue's confirmation to the commit.
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench RecordAlone -benchtime 1000x ./bench
func BenchmarkRecordAlone(b *testing.B) {
	q, _ := waiting(b, testsvc.StartRabbitMQ(b).URL, 0)
	s := openStore(b)
	recorded := make(chan time.Time, 1)
	stop := startRecord(b, record.Config{Queue: q, Store: s, Notify: func([]store.Entry) { recorded <- time.Now() }})
	var took []time.Duration
	for b.Loop() {
		e := events(b, 1)
		require.NoError(b, q.Publish(b.Context(), e...))
		inQueue := time.Now()
		took = append(took, (<-recorded).Sub(inQueue))
	}
	stop()
	slices.Sort(took)
	for _, p := range []int{50, 95, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
}

func startRecord(b *testing.B, cfg record.Config) (stop func()) {
	r, err := record.New(cfg)
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(b, <-ended)
	}
}

func openStore(b *testing.B) store.Store {
	s, err := postgres.Open(b.Context(), postgres.Config{URL: testsvc.Postgres(b)})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	require.NoError(b, s.Migrate(b.Context()))
	return s
}

// waiting is a queue under names of its own, in which n events wait.
func waiting(b *testing.B, broker string, n int) (q *rabbitmq.Queue, prefix string) {
	prefix = strings.ToLower(rand.Text())
	q, err := rabbitmq.Open(b.Context(), rabbitmq.Config{URL: broker, Prefix: prefix})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, q.Close()) })
	require.Eventually(b, func() bool { return q.Ready(b.Context()) == nil }, time.Minute, 10*time.Millisecond)
	for left := n; left > 0; left -= batch {
		require.NoError(b, q.Publish(b.Context(), events(b, min(left, batch))...))
	}
	return q, prefix
}

// bareLoops are two loops, each with a channel and a connection to the database.
func bareLoops(b *testing.B, broker string) {
	_, prefix := waiting(b, broker, b.N)
	conn, err := amqp.Dial(broker)
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close()) }()
	url := testsvc.Postgres(b)
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	b.ResetTimer()
	for range 2 {
		l := openBare(b, conn, prefix, url)
		go l.run(func(n int) {
			if left.Add(int64(-n)) == 0 {
				close(done)
			}
		})
	}
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// bareLoop consumes, inserts and acknowledges, and no more.
type bareLoop struct {
	arriving <-chan amqp.Delivery
	db       *pgx.Conn
}

const bareBatch = 1000

func openBare(b *testing.B, conn *amqp.Connection, prefix, url string) *bareLoop {
	db, err := pgx.Connect(b.Context(), url)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close(context.Background())) })
	_, err = db.Exec(b.Context(), "create table if not exists bare (id text primary key, data bytea)")
	require.NoError(b, err)
	ch, err := conn.Channel()
	require.NoError(b, err)
	require.NoError(b, ch.Qos(2*bareBatch, 0, false))
	arriving, err := ch.Consume(prefix+".record", "", false, false, false, false, nil)
	require.NoError(b, err)
	return &bareLoop{arriving, db}
}

// run tells how many were recorded, until the channel ends or something fails.
func (l *bareLoop) run(recorded func(int)) {
	for m := range l.arriving {
		ids, bodies := []string{m.MessageId}, [][]byte{m.Body}
		for more := true; more && len(ids) < bareBatch; {
			var next amqp.Delivery
			select {
			case next, more = <-l.arriving:
			default:
				more = false
			}
			if more {
				m, ids, bodies = next, append(ids, next.MessageId), append(bodies, next.Body)
			}
		}
		_, err := l.db.Exec(context.Background(),
			"insert into bare select * from unnest($1::text[], $2::bytea[]) on conflict do nothing", ids, bodies)
		if err != nil || m.Ack(true) != nil {
			return // The benchmark then does not end.
		}
		recorded(len(ids))
	}
}
