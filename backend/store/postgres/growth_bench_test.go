package postgres

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

// growthBatch is how many events, and deliveries of earlier ones, a batch of BenchmarkGrowth has.
const growthBatch = 500

// BenchmarkGrowth reports what a row costs while the log grows: processor time of PostgreSQL, with all
// that it does aside, and of ours, in microseconds, and bytes of the write-ahead log. Each event is
// delivered a batch later; one in two has an id that says nothing of its time, as those of platforms
// have. A mark is measured over the tenth of rows behind it. BOTGATE_GROWTH=10000000 goes on to ten
// million rows (some 10 GB in the temporary folder, which is removed again, and half an hour):
//
//	go test -tags nobadger,nomysql,nopgx -run - -bench Growth -benchtime 1x -timeout 2h ./backend/store/postgres
func BenchmarkGrowth(b *testing.B) {
	most := 1_000_000
	if text := os.Getenv("BOTGATE_GROWTH"); text != "" {
		var err error
		most, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	server := testsvc.StartDurablePostgres(b)
	s, err := Open(b.Context(), Config{URL: server.URL})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	require.NoError(b, s.Migrate(b.Context()))
	log := &growingLog{Store: s, server: server}
	var first cost
	for mark := 10_000; mark <= most; mark *= 10 {
		log.grow(b, mark-log.rows)
		before := log.cost(b)
		n := max(20_000, mark/10)
		log.grow(b, n)
		c := log.cost(b).since(before, n)
		if first == (cost{}) {
			first = c
		}
		b.Logf("%8d rows: PostgreSQL %5.1f µs (%.2f), ours %5.1f µs (%.2f), together %.2f, WAL %5.0f bytes (%.2f)", mark,
			c.postgres, c.postgres/first.postgres, c.own, c.own/first.own, (c.postgres+c.own)/(first.postgres+first.own),
			c.wal, c.wal/first.wal)
		b.ReportMetric((c.postgres+c.own)/(first.postgres+first.own), fmt.Sprintf("cpu-times-first-at-%d", mark))
		b.ReportMetric(c.wal/first.wal, fmt.Sprintf("wal-times-first-at-%d", mark))
	}
}

// cost is a sum, or what a row costs: microseconds and bytes.
type cost struct{ postgres, own, wal float64 }

func (c cost) since(before cost, rows int) cost {
	n := float64(rows)
	return cost{(c.postgres - before.postgres) / n, (c.own - before.own) / n, (c.wal - before.wal) / n}
}

type growingLog struct {
	*Store
	server *testsvc.Server
	rows   int
	last   []*event.Event
	// spent is what this process used to make events.
	spent time.Duration
}

func (l *growingLog) cost(b *testing.B) (c cost) {
	c.postgres = float64(l.server.ProcessorTime().Microseconds())
	conn, err := pgx.Connect(b.Context(), l.server.URL)
	require.NoError(b, err)
	require.NoError(b, conn.QueryRow(b.Context(), "select pg_current_wal_lsn() - '0/0'::pg_lsn").Scan(&c.wal))
	require.NoError(b, conn.Close(b.Context()))
	c.own = float64((testsvc.OwnProcessorTime(b) - l.spent).Microseconds())
	return c
}

func (l *growingLog) grow(b *testing.B, rows int) {
	for end := l.rows + rows; l.rows < end; l.rows += 2 * growthBatch {
		before := testsvc.OwnProcessorTime(b)
		batch := l.next(b)
		l.spent += testsvc.OwnProcessorTime(b) - before
		_, err := storetest.Record(b.Context(), l.Store, batch)
		require.NoError(b, err)
	}
}

// next are new events of 10,000 users of 20 bots, and the deliveries of those before.
func (l *growingLog) next(b *testing.B) (batch []*event.Event) {
	for _, about := range l.last {
		delivered, err := event.NewChange(about, event.Change{
			Status: event.StatusDelivered, Attempt: 1, At: time.Now(), DurationMS: 12, StatusCode: 200,
		})
		require.NoError(b, err)
		batch = append(batch, delivered)
	}
	l.last = make([]*event.Event, growthBatch)
	for i := range l.last {
		n := rand.IntN(10_000)
		user := fmt.Sprintf("user-%d", n)
		e := &event.Event{
			Bot: fmt.Sprintf("bot-%d", n%20), Type: "telegram.message", Subject: user, Time: store.Micros(time.Now()),
			OrderKey: user, VerifiedBy: "telegram", ContentType: "application/json", Data: []byte(strings.Repeat("event data", 25)),
		}
		e.ID = event.Identity{Bot: e.Bot, Sender: "sender", Key: fmt.Sprint(l.rows, i)}.ID(user)
		if i%2 == 0 {
			var err error
			e.ID, err = event.NewID(user)
			require.NoError(b, err)
		}
		l.last[i] = e
	}
	if len(batch) == 0 {
		batch = append(batch, l.last...) // Of the first batch, as many rows as of the others.
	}
	return append(batch, l.last...)
}
