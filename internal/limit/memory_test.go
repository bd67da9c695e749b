package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// scripts is how many scripts the Redis ran so far.
func scripts(t *testing.T, url string) int64 {
	t.Helper()
	info, err := openRedis(t, url).InfoMap(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	var total int64
	for _, name := range []string{"cmdstat_evalsha", "cmdstat_eval"} {
		var calls int64
		if stats, ok := info["Commandstats"][name]; ok {
			_, err := fmt.Sscanf(stats, "calls=%d,", &calls)
			require.NoError(t, err)
		}
		total += calls
	}
	return total
}

func TestRefusalsAreRemembered(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	l, _ := newLimiter(t, server.URL)
	used, other := take(newKey(), 16), take(newKey(), 1)
	require.True(t, decide(t, l, used).Allowed)
	used.Cost = 3
	first := decide(t, l, used)
	require.False(t, first.Allowed)
	// Whatever was remembered is forgotten once, when the subscription to resets stands.
	require.Eventually(t, func() bool {
		before := scripts(t, server.URL)
		for range 50 {
			d := decide(t, l, other, used)
			require.False(t, d.Allowed)
			require.Equal(t, 1, d.Refused())
			require.InDelta(t, first.Results[0].RetryAfter.Seconds(), d.Results[1].RetryAfter.Seconds(), 60)
		}
		return scripts(t, server.URL) == before
	}, time.Minute, 20*time.Millisecond, "Redis is not asked again")
	before := scripts(t, server.URL)
	for cost := range 16 {
		used.Cost = cost + 1
		d := decide(t, l, used)
		require.False(t, d.Allowed)
		require.InDelta(t, (time.Duration(cost+1) * interval).Seconds(), d.Results[0].RetryAfter.Seconds(), 60, "cost %d", used.Cost)
	}
	require.Equal(t, before, scripts(t, server.URL), "what was told says until when, whatever somebody asks for")
	server.Pause()
	require.False(t, decide(t, l, used).Allowed, "also while Redis hangs")
	server.Resume()
}

// TestRefusalsHoldForTheirLimit finds that another plan, or a configuration that was
// loaded since, is not held back by what an old limit refused, and the other way round.
func TestRefusalsHoldForTheirLimit(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, testsvc.Redis(t))
	used := take(newKey(), 16)
	require.True(t, decide(t, l, used).Allowed)
	used.Cost = 1
	require.False(t, decide(t, l, used).Allowed)
	smaller := used
	smaller.Limit.Burst = 1
	require.InDelta(t, (16 * interval).Seconds(), decide(t, l, smaller).Results[0].RetryAfter.Seconds(), 60)
	larger := used
	larger.Limit.Burst = 20
	require.True(t, decide(t, l, larger).Allowed)
	require.False(t, decide(t, l, used).Allowed)
}

func TestRefusalsAreForgottenInTime(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, testsvc.Redis(t))
	quick := take(newKey(), 2)
	quick.Limit = redis_rate.Limit{Rate: 2, Burst: 2, Period: time.Second}
	require.True(t, decide(t, l, quick).Allowed)
	quick.Cost = 1
	require.Eventually(t, func() bool { return decide(t, l, quick).Allowed }, time.Minute, time.Millisecond)
}

func TestLots(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	one, _ := newLimiter(t, server.URL)
	two, _ := newLimiter(t, server.URL)
	leased := take(newKey(), 1)
	leased.Lease = 8
	require.True(t, decide(t, one, leased).Allowed)
	before := scripts(t, server.URL)
	for range 7 {
		require.True(t, decide(t, one, leased).Allowed)
	}
	require.Equal(t, before, scripts(t, server.URL), "seven more without a round trip")
	for range 8 {
		require.True(t, decide(t, two, leased).Allowed)
	}
	require.False(t, decide(t, one, leased).Allowed, "leases are counted in Redis, so together they allow no more")
	require.False(t, decide(t, two, leased).Allowed)
}

// TestLotsAreSpentThoughRedisRefuses lets many ask at once: the first one takes the whole
// allowance as its lease, and Redis refuses all others, for whom there is enough in it.
func TestLotsAreSpentThoughRedisRefuses(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, testsvc.Redis(t))
	for range 20 {
		leased, other := take(newKey(), 1), take(newKey(), 1)
		leased.Lease = 16
		var allowed atomic.Int64
		var callers sync.WaitGroup
		for range 24 {
			callers.Go(func() {
				if d, err := l.Take(context.Background(), patient, []Take{other, leased}, nil); err == nil && d.Allowed {
					allowed.Add(1)
				}
			})
		}
		callers.Wait()
		require.Equal(t, int64(16), allowed.Load(), "nobody is refused what this process holds")
	}
}

func TestRefusalGivesTheLotBack(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, testsvc.Redis(t))
	leased, other := take(newKey(), 1), take(newKey(), 16)
	leased.Lease = 4
	require.True(t, decide(t, l, leased, other).Allowed)
	for range 10 {
		require.False(t, decide(t, l, leased, other).Allowed)
	}
	for i := range 3 {
		require.Equal(t, 14-i, decide(t, l, leased).Results[0].Remaining)
	}
}

func TestALotIsForgottenWithItsAllowance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held := newLeases(newClock(), 100)
		quick := take("k", 1)
		held.add(&quick, 5, held.now()+1, 0)
		_, ok := held.spend(&quick)
		require.True(t, ok)
		<-time.After(time.Second + time.Millisecond)
		_, ok = held.spend(&quick)
		require.False(t, ok)
		held.add(&quick, 2, held.now()+1, 0)
		r, ok := held.spend(&quick)
		require.True(t, ok)
		require.Equal(t, 1, r.Remaining, "the old lease does not come back")
	})
}

func TestResetReachesOtherProcesses(t *testing.T) {
	t.Parallel()
	url := testsvc.Redis(t)
	one, _ := newLimiter(t, url)
	two, _ := newLimiter(t, url)
	key := newKey()
	require.True(t, decide(t, one, take(key, 16)).Allowed)
	for _, l := range []*Limiter{one, two} {
		require.False(t, decide(t, l, take(key, 1)).Allowed)
	}
	require.Len(t, topKeysOf(two, key), 1)
	// Again and again: the other one's subscription may not stand yet.
	require.Eventually(t, func() bool {
		require.NoError(t, two.Reset(t.Context(), "zone", key))
		return decide(t, one, take(key, 1)).Allowed
	}, time.Minute, 20*time.Millisecond)
	require.True(t, decide(t, two, take(key, 1)).Allowed)
	require.Empty(t, topKeysOf(two, key))
}

func topKeysOf(l *Limiter, key string) (found []TopKey) {
	for _, o := range l.TopKeys(1000) {
		if o.Key == key {
			found = append(found, o)
		}
	}
	return found
}

func TestTopKeys(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, "")
	for i := range 2 * maxTopKeys {
		key := fmt.Sprint("light", i)
		decide(t, l, take(key, 16))
		decide(t, l, take(key, 1))
		if i%8 == 0 {
			l.Defer(t.Context(), patient, []Take{take("heavy", 16)}, time.Hour)
		}
	}
	top := l.TopKeys(3)
	require.Len(t, top, 3)
	require.Equal(t, "heavy", top[0].Key, "however many others come along")
	require.Equal(t, "zone", top[0].Zone)
	require.Len(t, l.TopKeys(10*maxTopKeys), maxTopKeys)
	require.NoError(t, l.Reset(t.Context(), "zone", "heavy"))
	require.NotEqual(t, "heavy", l.TopKeys(1)[0].Key)
}

func TestEnter(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t, "")
	user := Slot{Zone: "user", Key: "ada", ID: IDOf("user", "ada"), Max: 2}
	address := Slot{Zone: "address", Key: "192.0.2.1", ID: IDOf("address", "192.0.2.1"), Max: 3}
	first, refused := l.Enter([]Slot{address, user})
	require.Equal(t, -1, refused)
	second, refused := l.Enter([]Slot{address, user})
	require.Equal(t, -1, refused)
	for range 5 {
		_, refused = l.Enter([]Slot{address, user})
		require.Equal(t, 1, refused, "and the address' slot is given back")
	}
	first()
	third, refused := l.Enter([]Slot{address, user})
	require.Equal(t, -1, refused)
	second()
	third()
	require.Zero(t, l.inFlight.counts.Len())
}
