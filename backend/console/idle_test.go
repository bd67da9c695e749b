package console_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/console"
)

// TestTabsShareAnswers: what one tab was told a moment ago, another one is told without asking the API again.
func TestTabsShareAnswers(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	v := fullList(t, counting(&asked))
	for _, path := range []string{"/console/", "/console/bots"} {
		v.page(path)
		before := asked.Load()
		v.page(path)
		require.Equal(t, before, asked.Load(), path)
		v.d.clock = v.d.clock.Add(3 * time.Second)
		v.page(path)
		require.Greater(t, asked.Load(), before, path)
	}
}

// counting counts what the console asks the API.
func counting(asked *atomic.Int64) func(*console.Config) {
	return func(c *console.Config) {
		backend := c.API
		c.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			backend.ServeHTTP(w, r)
		})
	}
}

// BenchmarkIdle is what ten open overviews ask within five seconds, with the API and its database. It reports the share
// of a processor that this takes.
func BenchmarkIdle(b *testing.B) {
	const consoles, every = 10, 5 * time.Second
	var asked atomic.Int64
	v := fullList(b, counting(&asked))
	b.ReportAllocs()
	for b.Loop() {
		v.d.clock = v.d.clock.Add(every)
		for range consoles {
			v.page("/console/")
		}
	}
	b.ReportMetric(100*float64(b.Elapsed())/float64(b.N)/float64(every), "%core")
	b.ReportMetric(float64(asked.Load())/float64(b.N), "calls/op")
}
