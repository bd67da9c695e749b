package botlimit

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-redis/redis_rate/v10"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

func benchmarkAllow(b *testing.B, limiter *redis_rate.Limiter) {
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = hashKey("bench", fmt.Sprint(i))
	}
	limit := redis_rate.PerSecond(1000)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := limiter.Allow(context.Background(), keys[i%len(keys)], limit); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkMemory(b *testing.B) {
	benchmarkAllow(b, redis_rate.NewLimiter(newMemory(b)))
}

func BenchmarkRedis(b *testing.B) {
	b.SetParallelism(32)
	benchmarkAllow(b, redis_rate.NewLimiter(openRedis(b, testsvc.Redis(b))))
}

// BenchmarkDecision is what one zone costs a request apart from HTTP: hashing the key,
// deciding in this process, and the header.
func BenchmarkDecision(b *testing.B) {
	s := newStore(nil, &local{memory: newMemory(b)}, DefaultBudget, nil)
	b.ReportAllocs()
	for b.Loop() {
		r := s.begin(b.Context())
		_, _, err := r.allow(hashKey("bench", "192.0.2.1"), redis_rate.PerSecond(1000))
		r.end()
		require.NoError(b, err)
	}
}
