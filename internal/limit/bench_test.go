package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// twoZones is what most routes ask: a user's and an address' allowance.
func twoZones(user, address string) []Take {
	perSecond := redis_rate.Limit{Rate: 1_000_000_000, Burst: 1_000_000_000, Period: time.Second}
	return []Take{
		{Zone: "user", Key: user, ID: IDOf("user", user), Limit: perSecond, Cost: 1},
		{Zone: "address", Key: address, ID: IDOf("address", address), Limit: perSecond, Cost: 1},
	}
}

func benchmarkLocal(b *testing.B, zones int) {
	l, _ := newLimiter(b, "")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			takes := twoZones("user-4711", "192.0.2.1")[:zones]
			if d, err := l.Take(context.Background(), patient, takes); err != nil || !d.Allowed {
				b.Errorf("%v %v", d, err)
			}
		}
	})
}

// BenchmarkLocal is a decision in this process, with the hashing of the keys.
func BenchmarkLocal(b *testing.B) {
	b.Run("OneZone", func(b *testing.B) { benchmarkLocal(b, 1) })
	b.Run("TwoZones", func(b *testing.B) { benchmarkLocal(b, 2) })
}

// BenchmarkDenied is a refusal that Redis is not asked for again.
func BenchmarkDenied(b *testing.B) {
	l, _ := newLimiter(b, testsvc.Redis(b))
	key := newKey()
	decide(b, l, take(key, 16))
	decide(b, l, take(key, 1))
	b.ReportAllocs()
	for b.Loop() {
		if d, _ := l.Take(context.Background(), patient, []Take{take(key, 1)}); d.Allowed {
			b.Fatal("allowed")
		}
	}
}

const callers = 64

// BenchmarkRedis64 is two zones over Redis with 64 callers.
func BenchmarkRedis64(b *testing.B) {
	l, _ := newLimiter(b, testsvc.Redis(b))
	each(b, func(i int) error {
		d, err := l.Take(context.Background(), patient, twoZones(fmt.Sprint("user", i%1024), fmt.Sprint(i%512)))
		if d.Degraded {
			return fmt.Errorf("degraded, %w", err)
		}
		return err
	})
}

// BenchmarkBarePipeline64 is the same script sent by a bare client that pipelines 64 calls.
func BenchmarkBarePipeline64(b *testing.B) {
	client := openRedis(b, testsvc.Redis(b))
	require.NoError(b, takeScript.Load(b.Context(), client).Err())
	b.ReportAllocs()
	for n := 0; n < b.N; {
		pipe := client.Pipeline()
		for range min(callers, b.N-n) {
			takes := twoZones(fmt.Sprint("user", n%1024), fmt.Sprint(n%512))
			keys := []string{keyPrefix + takes[0].ID.name("user"), keyPrefix + takes[1].ID.name("address")}
			takeScript.EvalSha(b.Context(), pipe, keys, -1.0, 1_000_000, 1_000_000, 1.0, 1, 1, 1_000_000, 1_000_000, 1.0, 1, 1)
			n++
		}
		commands, err := pipe.Exec(b.Context())
		require.NoError(b, err)
		_, err = commands[0].(*redis.Cmd).Slice()
		require.NoError(b, err)
	}
}

// each runs f b.N times from 64 goroutines.
func each(b *testing.B, f func(i int) error) {
	b.ReportAllocs()
	var next atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}
