package cache

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// status is about what a caller asks for an event.
type status struct {
	ID, Bot, Type, Subject, Status string
	Attempts, Replays              int
	Time, RecordedAt               time.Time
}

func benchStatus(context.Context) (*status, error) {
	return &status{
		ID: "0199a2b4-7c11-7def-8123-456789abcdef", Bot: "demo", Type: "chat.command", Subject: "user:alice", Status: "delivered",
		Attempts: 2, Time: time.Now(), RecordedAt: time.Now(),
	}, nil
}

func benchCache(b *testing.B, url string) *Cache[*status] {
	c, _ := open(b, Config[*status]{Name: "bench", Prefix: "bench:" + patient().Prefix, SoftTTL: time.Hour, HardTTL: time.Hour}, url)
	return c
}

func BenchmarkMemoryHit(b *testing.B) {
	c := benchCache(b, "")
	hit := func(b *testing.B) {
		if s, err := c.Get(b.Context(), "key", benchStatus); err != nil || s.Attempts != 2 {
			b.Fatal(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			hit(b)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				hit(b)
			}
		})
	})
}

// BenchmarkRedisHit is of a key that another process loaded.
func BenchmarkRedisHit(b *testing.B) {
	c := benchCache(b, testsvc.Redis(b))
	_, err := c.Get(b.Context(), "key", benchStatus)
	require.NoError(b, err)
	require.Eventually(b, func() bool { return len(c.slots) == 0 }, patience, tick)
	b.ReportAllocs()
	for b.Loop() {
		c.memory.Invalidate("key")
		_, _ = c.Get(b.Context(), "key", benchStatus)
	}
	b.ReportMetric(testutil.ToFloat64(c.metrics.redisHit)/float64(b.N), "hits/op")
}

// BenchmarkMiss is of a key that nobody has, and a database that answers at once.
func BenchmarkMiss(b *testing.B) {
	for name, url := range map[string]string{"memory": "", "redis": testsvc.Redis(b)} {
		b.Run(name, func(b *testing.B) {
			c := benchCache(b, url)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, _ = c.Get(b.Context(), strconv.Itoa(i), benchStatus)
			}
		})
	}
}

// BenchmarkInvalidate is of the keys of a batch of record.
func BenchmarkInvalidate(b *testing.B) {
	for name, url := range map[string]string{"memory": "", "redis": testsvc.Redis(b)} {
		b.Run(name, func(b *testing.B) {
			c := benchCache(b, url)
			keys := make([]string, 500)
			for i := range keys {
				keys[i] = strconv.Itoa(i)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.Invalidate(b.Context(), keys...)
			}
		})
	}
}
