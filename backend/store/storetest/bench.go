package storetest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

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
