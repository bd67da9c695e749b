package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
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
			if d, err := l.Take(context.Background(), patient, takes, nil); err != nil || !d.Allowed {
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
		if d, _ := l.Take(context.Background(), patient, []Take{take(key, 1)}, nil); d.Allowed {
			b.Fatal("allowed")
		}
	}
}

const callers = 64

// distances are how far Redis is, there and back.
var distances = []time.Duration{0, 2 * time.Millisecond}

// BenchmarkRedis64 is two zones over Redis with 64 callers, and the same calls by a bare client, which sends pipelines of
// 64: what the connection allows.
func BenchmarkRedis64(b *testing.B) {
	for _, away := range distances {
		url := testsvc.Redis(b)
		if away > 0 {
			url = testsvc.StartDistant(b, url, away).URL
		}
		b.Run("Limiter/"+away.String(), func(b *testing.B) { benchmarkLimiter(b, url) })
		b.Run("Bare/"+away.String(), func(b *testing.B) { benchmarkBare(b, url) })
	}
}

func benchmarkLimiter(b *testing.B, url string) {
	l, _ := newLimiter(b, url)
	sharedAgain(b, l)
	b.ResetTimer()
	each(b, func(i int) error {
		d, err := l.Take(context.Background(), patient, twoZones(fmt.Sprint("user", i%1024), fmt.Sprint(i%512)), nil)
		if d.Degraded {
			return fmt.Errorf("degraded, %w", err)
		}
		return err
	})
}

func benchmarkBare(b *testing.B, url string) {
	client := openRedis(b, url)
	script := redis.NewScript(takeSource)
	require.NoError(b, script.Load(b.Context(), client).Err())
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		pipe := client.Pipeline()
		for range min(callers, b.N-n) {
			takes := twoZones(fmt.Sprint("user", n%1024), fmt.Sprint(n%512))
			keys := []string{takes[0].ID.key("user"), takes[1].ID.key("address")}
			script.EvalSha(b.Context(), pipe, keys, pack(refuse, takes))
			n++
		}
		commands, err := pipe.Exec(b.Context())
		require.NoError(b, err)
		_, err = commands[0].(*redis.Cmd).Text()
		require.NoError(b, err)
	}
}

// each runs f b.N times from 64 goroutines.
func each(b *testing.B, f func(i int) error) {
	b.ReportAllocs()
	var before syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
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
	var after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
}
