package limit

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestEqualsRedisRate makes the same random calls of redis_rate itself, of the script over
// several keys and of the engine in this process, and finds the same answers.
func TestEqualsRedisRate(t *testing.T) {
	t.Parallel()
	client := openRedis(t, testsvc.Redis(t))
	oracle := redis_rate.NewLimiter(client)
	script := newShared(openPipe(t, testsvc.Redis(t)))
	inProcess := newLocal(newClock(), 1000)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		limit := redis_rate.Limit{Rate: 1 + random.IntN(20), Burst: 1 + random.IntN(40), Period: time.Duration(1+random.IntN(20)) * time.Hour}
		key, theirs := newKey(), newKey()
		for range 12 {
			n := 1 + random.IntN(limit.Burst)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			want, err := oracle.AllowN(ctx, theirs, limit, n)
			require.NoError(t, err)
			takes := []Take{{Zone: "z", Key: key, ID: IDOf("z", key), Limit: limit, Cost: n}}
			var local, shared [1]Result
			inProcess.take(takes, 1, local[:])
			require.NoError(t, script.take(ctx, ask{budget: time.Minute, maxDelay: refuse}, takes, shared[:], make([]int, 1)))
			requireSame(t, want, local[0], seed)
			requireSame(t, want, shared[0], seed)
			cancel()
		}
	}
}

func requireSame(t *testing.T, want *redis_rate.Result, got Result, seed uint64) {
	t.Helper()
	require.Equal(t, want.Allowed > 0, got.Allowed, "allowed, seed %d", seed)
	require.Equal(t, want.Remaining, got.Remaining, "remaining, seed %d", seed)
	require.InDelta(t, max(0, want.RetryAfter).Seconds(), got.RetryAfter.Seconds(), 60, "retry after, seed %d", seed)
	require.InDelta(t, want.ResetAfter.Seconds(), got.ResetAfter.Seconds(), 60, "reset after, seed %d", seed)
}

// TestSharesKeysWithRedisRate finds what redis_rate counted, and the other way round.
func TestSharesKeysWithRedisRate(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, testsvc.Redis(t))
	oracle := redis_rate.NewLimiter(openRedis(t, testsvc.Redis(t)))
	one, two := take(newKey(), 3), take(newKey(), 3)
	require.Equal(t, 13, decide(t, l, one, two).Results[0].Remaining)
	got, err := oracle.AllowN(t.Context(), strings.TrimPrefix(one.ID.key("zone"), keyPrefix), slow, 3)
	require.NoError(t, err)
	require.Equal(t, 10, got.Remaining)
	require.Equal(t, 7, decide(t, l, one).Results[0].Remaining)
}

func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, l *Limiter) {
		narrow, wide := take(newKey(), 10), take(newKey(), 2)
		require.True(t, decide(t, l, narrow, wide).Allowed)
		d := decide(t, l, wide, narrow)
		require.False(t, d.Allowed)
		require.Equal(t, 1, d.Refused())
		require.InDelta(t, (4 * interval).Seconds(), d.Results[1].RetryAfter.Seconds(), 60)
		require.True(t, d.Results[0].Allowed)
		require.Equal(t, 14, d.Results[0].Remaining, "nothing was taken of the zone that allows")
		require.Equal(t, 12, decide(t, l, wide).Results[0].Remaining)
		narrow.Cost = 6
		require.True(t, decide(t, l, narrow, wide).Allowed, "nothing was taken of the zone that refused")
	})
}

func TestRefusedIsTheLongestWait(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, l *Limiter) {
		short, long := take(newKey(), 16), take(newKey(), 16)
		require.True(t, decide(t, l, short, long).Allowed)
		short.Cost, long.Cost = 1, 2
		fresh := take(newKey(), 1)
		require.Equal(t, 2, decide(t, l, fresh, short, long).Refused())
	})
}

func TestCostAboveBurstTakesAll(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, l *Limiter) {
		key := newKey()
		d := decide(t, l, take(key, 1000))
		require.True(t, d.Allowed)
		require.Zero(t, d.Results[0].Remaining)
		require.False(t, decide(t, l, take(key, 1)).Allowed)
	})
}

// TestLongestTimes has an allowance that takes 2737 years to come back, which no duration holds.
func TestLongestTimes(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, l *Limiter) {
		eternal := take(newKey(), 999_999)
		eternal.Limit = redis_rate.Limit{Rate: 1, Burst: 1_000_000, Period: 24 * time.Hour}
		require.Equal(t, time.Duration(math.MaxInt64), decide(t, l, eternal).Results[0].ResetAfter)
		eternal.Cost = 1_000_000
		for range 2 {
			refused := decide(t, l, eternal).Results[0]
			require.False(t, refused.Allowed)
			require.InDelta(t, math.MaxInt64, int64(refused.RetryAfter), float64(time.Hour))
			require.InDelta(t, math.MaxInt64, int64(refused.ResetAfter), float64(time.Hour))
		}
	})
}

func TestConcurrentCallsShareTheAllowance(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, l *Limiter) {
		hourly := redis_rate.Limit{Rate: 1, Burst: 100, Period: time.Hour}
		one, other := newKey(), newKey()
		var allowed atomic.Int64
		var callers sync.WaitGroup
		for i := range 16 {
			callers.Go(func() {
				takes := []Take{
					{Zone: "a", ID: IDOf("a", one), Limit: hourly, Cost: 1},
					{Zone: "b", ID: IDOf("b", other), Limit: hourly, Cost: 1},
				}
				if i%2 == 1 {
					takes[0], takes[1] = takes[1], takes[0]
				}
				for range 20 {
					d, err := l.Take(context.Background(), patient, takes, nil)
					if err != nil || d.Degraded {
						t.Errorf("degraded %t, error %v", d.Degraded, err)
						return
					}
					if d.Allowed {
						allowed.Add(1)
					}
				}
			})
		}
		callers.Wait()
		require.Equal(t, int64(100), allowed.Load())
	})
}

func TestAllowanceComesBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, l *Limiter) {
		quick := take(newKey(), 4)
		quick.Limit = redis_rate.Limit{Rate: 4, Burst: 4, Period: time.Second}
		require.True(t, decide(t, l, quick).Allowed)
		quick.Cost = 1
		require.Eventually(t, func() bool { return decide(t, l, quick).Allowed }, time.Minute, 20*time.Millisecond)
	})
}

func TestDefer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, l *Limiter) {
		one := take(newKey(), 1)
		batch := make([]Take, 18)
		for i := range batch {
			batch[i] = one
		}
		d := l.Defer(t.Context(), patient, batch, time.Hour)
		require.True(t, d.Allowed)
		for i, r := range d.Results {
			want := max(0, time.Duration(i-15)*interval)
			require.InDelta(t, want.Seconds(), r.Delay.Seconds(), 60, "item %d", i)
		}
		require.False(t, decide(t, l, one).Allowed, "what is owed has to be waited for")
		for range 20 {
			d = l.Defer(t.Context(), patient, []Take{one}, time.Hour)
		}
		require.InDelta(t, time.Hour.Seconds(), d.Results[0].Delay.Seconds(), 60, "a debt is bounded")
	})
}

// TestRefillsAtTheTimeThatWasTold checks the engine in this process to the millisecond.
func TestRefillsAtTheTimeThatWasTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, _ := newLimiter(t, "")
		quick := take("k", 4)
		quick.Limit = redis_rate.Limit{Rate: 2, Burst: 4, Period: time.Second}
		require.Zero(t, decide(t, l, quick).Results[0].Remaining)
		quick.Cost = 1
		refused := decide(t, l, quick).Results[0]
		require.InDelta(t, 0.5, refused.RetryAfter.Seconds(), 1e-6)
		require.InDelta(t, 2, refused.ResetAfter.Seconds(), 1e-6)
		<-time.After(refused.RetryAfter - time.Millisecond)
		require.False(t, decide(t, l, quick).Allowed, "a moment early")
		<-time.After(time.Millisecond + time.Microsecond)
		require.True(t, decide(t, l, quick).Allowed)
		require.Equal(t, 1, l.local.arrivals.Len())
		<-time.After(sweepEvery + 2*time.Second)
		synctest.Wait()
		require.Zero(t, l.local.arrivals.Len(), "a key with its full allowance is forgotten")
		require.Equal(t, 3, decide(t, l, quick).Results[0].Remaining)
		require.NoError(t, l.Close())
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const most = 640
	l := newLocal(newClock(), most)
	results := make([]Result, 1)
	heavy := []Take{take("heavy", 16)}
	require.True(t, l.take(heavy, 1, results))
	for i := range 20 * most {
		l.take([]Take{take(fmt.Sprint(i), 1)}, 1, results)
	}
	require.LessOrEqual(t, l.arrivals.Len(), most)
	require.Greater(t, l.arrivals.Len(), most/2)
	require.False(t, l.take(heavy, 1, results), "inventing keys must not win back an allowance")
}
