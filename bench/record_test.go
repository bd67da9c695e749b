package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/record"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// recordRounds is how often each takes its turn; the best round of each counts.
const recordRounds = 3

// BenchmarkRecord takes backlogs of b.N commands from quorum queues to PostgreSQL, in turns: by two
// loops as somebody writes them by hand (unnest and COPY of 500 each), by record with the table and
// the COPY of that loop for a store, which has no read models, and by record as it is. It reports
// how many a second that are, as a share of the loop with COPY, and the processor time of each, in
// microseconds a command: this process, PostgreSQL's and RabbitMQ's.
//
//	go test -tags nobadger,nomysql,nopgx -run - -bench 'Record$' -benchtime 60000x ./bench
func BenchmarkRecord(b *testing.B) {
	bench := &recordBench{broker: testsvc.StartRabbitMQ(b), server: testsvc.StartDurablePostgres(b)}
	turns := []struct {
		name string
		take func(*testing.B) usage
	}{
		{"copy", func(b *testing.B) usage { return bench.bare(b, writeCopy) }},
		{"unnest", func(b *testing.B) usage { return bench.bare(b, writeUnnest) }},
		{"record alone", func(b *testing.B) usage { return bench.record(b, bareStore) }},
		{"record", func(b *testing.B) usage { return bench.record(b, openStore) }},
	}
	best := map[string]usage{}
	for range recordRounds {
		for _, turn := range turns {
			u := turn.take(b)
			if was, ok := best[turn.name]; !ok || u.sum() < was.sum() {
				best[turn.name] = u
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, turn := range turns {
		u, n := best[turn.name], float64(b.N)
		b.Logf("%-12s %6.0f/s (%.2f), CPU a command: own %5.1f µs, PostgreSQL %5.1f µs, RabbitMQ %5.1f µs, together %.2f of copy", turn.name,
			n/u.took.Seconds(), best["copy"].took.Seconds()/u.took.Seconds(), u.own.Seconds()*1e6/n, u.postgres.Seconds()*1e6/n,
			u.rabbitmq.Seconds()*1e6/n, u.sum().Seconds()/best["copy"].sum().Seconds())
		metric := strings.ReplaceAll(turn.name, " ", "-")
		b.ReportMetric(best["copy"].took.Seconds()/u.took.Seconds(), metric+"-of-copy")
		b.ReportMetric(best["copy"].sum().Seconds()/u.sum().Seconds(), metric+"-cpu-of-copy")
	}
}

// usage is what a backlog took.
type usage struct{ took, own, postgres, rabbitmq time.Duration }

// sum is all processor time.
func (u usage) sum() time.Duration { return u.own + u.postgres + u.rabbitmq }

type recordBench struct{ broker, server *testsvc.Server }

// measured runs work. To look at the servers takes time of ours, which is not counted.
func (r *recordBench) measured(b *testing.B, work func()) usage {
	runtime.GC()
	db, broker := r.server.ProcessorTime(), r.broker.ProcessorTime()
	start, before := time.Now(), testsvc.OwnProcessorTime(b)
	work()
	own, took := testsvc.OwnProcessorTime(b)-before, time.Since(start)
	return usage{took, own, r.server.ProcessorTime() - db, r.broker.ProcessorTime() - broker}
}

func (r *recordBench) bare(b *testing.B, write func(context.Context, *pgx.Conn, *bareRows) error) usage {
	conn, err := amqp.Dial(r.broker.URL)
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close()) }()
	ch, err := conn.Channel()
	require.NoError(b, err)
	name := strings.ToLower(rand.Text())
	bareQueue(b, ch, name, b.N)
	db, err := pgx.Connect(b.Context(), r.database(b))
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close(context.Background())) }()
	_, err = db.Exec(b.Context(), bareTable)
	require.NoError(b, err)
	loop := &bareLoop{channel: ch, db: db, write: write}
	u := r.measured(b, func() {
		loop.consume(b, name)
		require.NoError(b, loop.run(b.Context(), b.N))
	})
	var rows int
	require.NoError(b, db.QueryRow(b.Context(), "select count(*) from commands").Scan(&rows))
	require.Equal(b, b.N, rows)
	_, err = ch.QueueDelete(name, false, false, false)
	require.NoError(b, err)
	return u
}

func (r *recordBench) record(b *testing.B, open func(*testing.B, string) record.Store) usage {
	q, _ := waiting(b, r.broker.URL, 0)
	var publishing errgroup.Group
	publishing.SetLimit(64)
	for _, e := range commands(b, b.N) {
		publishing.Go(func() error { return q.PublishTo(b.Context(), queue.Record, e) })
	}
	require.NoError(b, publishing.Wait())
	s := open(b, r.database(b))
	done, count := make(chan struct{}), atomic.Int64{}
	var stop func()
	u := r.measured(b, func() {
		stop = startRecord(b, record.Config{Queue: q, Store: s, Notify: func(entries []store.Entry) {
			if count.Add(int64(len(entries))) == int64(b.N) {
				close(done)
			}
		}})
		<-done
	})
	stop()
	require.NoError(b, q.Close())
	return u
}

// database is a new one.
func (r *recordBench) database(b *testing.B) string {
	name := "t_" + strings.ToLower(rand.Text())
	r.server.Execute("create database " + name)
	r.server.Execute("checkpoint")
	return strings.Replace(r.server.URL, "/postgres?", "/"+name+"?", 1)
}

// commands are n commands of a thousand users to ten bots.
func commands(b *testing.B, n int) []*event.Event {
	b.Helper()
	all := make([]*event.Event, n)
	for i := range all {
		user := fmt.Sprintf("u%d", i%1000)
		id, err := event.NewID(user)
		require.NoError(b, err)
		all[i] = &event.Event{
			ID: id, Bot: fmt.Sprintf("bot-%d", i%10), Type: "message", Subject: user, Time: time.Now(),
			VerifiedBy: "jwt", ContentType: "application/json", Data: command(i, user, id),
		}
		all[i].Normalize()
	}
	return all
}

// command is the body of one, of some 650 bytes.
func command(i int, user, id string) []byte {
	return fmt.Appendf(nil, `{"id":%q,"type":"message","user":{"id":%q,"name":"Somebody %04d","locale":"en-GB","is_bot":false},`+
		`"chat":{"id":"c%06d","kind":"private"},"text":%q,"lang":"en","ts":%d,"priority":5,"reply_to":null,`+
		`"entities":[{"type":"bot_command","offset":0,"length":7},{"type":"date","offset":11,"length":17}],`+
		`"client":{"name":"some-client","version":"4.11.2"}}`,
		id, user, i%1000, i%5000, "/remind me "+strings.Repeat("of the report and the room ", 8), 1_790_000_000_000+i)
}

// BenchmarkRecordAlone writes one event after the other, each when the one before is recorded:
// from the queue's confirmation to the commit.
//
//	go run ./internal/testsvc/withsvc -- go test -run - -bench RecordAlone -benchtime 1000x ./bench
func BenchmarkRecordAlone(b *testing.B) {
	q, _ := waiting(b, testsvc.StartRabbitMQ(b).URL, 0)
	s := openStore(b, testsvc.Postgres(b))
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

func openStore(b *testing.B, url string) record.Store {
	s, err := postgres.Open(b.Context(), postgres.Config{URL: url})
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
