package storetest

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// BenchmarkAppend measures writing batches of new events with bodies of 640 bytes.
func BenchmarkAppend(b *testing.B, size int, write func([]*event.Event) error) {
	b.Helper()
	body := bytes.Repeat([]byte("event data "), 640/11)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		batch := Events(size)
		for _, e := range batch {
			id, err := event.NewID("")
			require.NoError(b, err)
			e.ID, e.Data = id, body
		}
		b.StartTimer()
		require.NoError(b, write(batch))
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
}

// ListRows is how many rows the log of BenchmarkList has: BOTGATE_LIST_ROWS, or few.
func ListRows(b *testing.B) int {
	b.Helper()
	text := os.Getenv("BOTGATE_LIST_ROWS")
	if text == "" {
		return 72_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}

// BenchmarkList measures pages of a log with the bots bot0 and bot1 and the types type0 and type1, of which nearly
// all events are delivered. No filter may cost more with a log that is longer.
func BenchmarkList(b *testing.B, s store.Store) {
	b.Helper()
	dead, delivered := []event.Status{event.StatusDead}, []event.Status{event.StatusDelivered}
	for _, list := range []struct {
		name  string
		query store.Query
	}{
		{"newest", store.Query{}},
		{"user", store.Query{Subject: "user-10"}},
		{"bot", store.Query{Bot: "bot1"}},
		{"dead", store.Query{Statuses: dead}},
		{"delivered of a bot", store.Query{Bot: "bot1", Statuses: delivered}},
		{"type of an absent bot", store.Query{Bot: "absent", Type: "type1"}},
		{"dead of an absent bot", store.Query{Bot: "absent", Statuses: dead}},
		{"absent order key", store.Query{OrderKey: "absent"}},
		{"search in vain", store.Query{Bot: "bot1", Search: "absent"}},
	} {
		b.Run(list.name, func(b *testing.B) {
			b.ReportAllocs()
			list.query.Limit = 50
			var took []time.Duration
			for b.Loop() {
				started := time.Now()
				_, err := s.List(b.Context(), list.query)
				require.NoError(b, err)
				took = append(took, time.Since(started))
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
		})
	}
}
