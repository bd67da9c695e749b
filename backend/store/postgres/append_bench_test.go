package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

// bareInsert writes the rows of the log, and nothing else, to a table that has no more than
// a key.
var bareInsert = `insert into bare select time, time, recorded_at, not_before, attempt, replays, took_ms, bucket, status,
	id, nullif(ref, ''), bot, type, subject, order_key, verified_by, trace_parent, content_type, data
` + strings.ReplaceAll(insertLog[strings.Index(insertLog, "from unnest"):strings.Index(insertLog, "\n\t\toffset 0")], "\n\t\t", "\n") + `
where $1::integer is not null on conflict do nothing`

func opened(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), Config{URL: testsvc.Postgres(b)})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	require.NoError(b, s.Migrate(b.Context()))
	return s
}

// fresh returns new events of 1000 users and 10 bots, with bodies of 640 bytes.
func fresh(b testing.TB, n int) []*event.Event {
	b.Helper()
	body := []byte(strings.Repeat("event data", 64))
	batch := make([]*event.Event, n)
	for i := range batch {
		user := fmt.Sprintf("user-%d", rand.IntN(1000))
		id, err := event.NewID(user)
		require.NoError(b, err)
		batch[i] = &event.Event{
			ID: id, Bot: fmt.Sprintf("bot-%d", rand.IntN(10)), Type: "github.push", Subject: user, Time: store.Micros(time.Now()), OrderKey: user,
			VerifiedBy: "jwt", TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ContentType: "application/json", Data: body,
		}
	}
	return batch
}

// BenchmarkAppend compares Append with bare inserts of the same rows, in turns, and reports
// how often as long it takes.
func BenchmarkAppend(b *testing.B) {
	s := opened(b)
	_, err := s.primary().Exec(b.Context(), "create table bare (like events); alter table bare add primary key (event_time, id)")
	require.NoError(b, err)
	require.NoError(b, s.prepareDays(b.Context(), []time.Time{store.Day(time.Now())}))
	for _, size := range []int{1, 100, 500, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var full, bare time.Duration
			for b.Loop() {
				b.StopTimer()
				bare += timed(b, func(ctx context.Context, batch []*event.Event) error { return appendBare(ctx, s, batch) }, fresh(b, size))
				batch := fresh(b, size)
				b.StartTimer()
				full += timed(b, func(ctx context.Context, batch []*event.Event) error {
					_, err := storetest.Record(ctx, s, batch)
					return err
				}, batch)
			}
			b.ReportMetric(float64(b.N*size)/full.Seconds(), "events/s")
			b.ReportMetric(float64(b.N*size)/bare.Seconds(), "bare/s")
			b.ReportMetric(full.Seconds()/bare.Seconds(), "times-bare")
		})
	}
}

func timed(b *testing.B, write func(context.Context, []*event.Event) error, batch []*event.Event) time.Duration {
	start := time.Now()
	require.NoError(b, write(b.Context(), batch))
	return time.Since(start)
}

func appendBare(ctx context.Context, s *Store, events []*event.Event) error {
	entries, err := storetest.Entries(events)
	if err != nil {
		return err
	}
	for i := range entries {
		entries[i].RecordedAt = entries[i].Time
	}
	_, err = s.primary().Exec(ctx, bareInsert, logArrays(entries, 0)...)
	return err
}
