package botlimit

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// TestConformance runs the same calls over both backends. Requests are 450 s apart, so
// that it does not matter how fast the machine is.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *redis_rate.Limiter{
		"memory": func(t *testing.T) *redis_rate.Limiter { return redis_rate.NewLimiter(newMemory(t)) },
		"redis":  func(t *testing.T) *redis_rate.Limiter { return redis_rate.NewLimiter(openRedis(t, testsvc.Redis(t))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limiter := open(t)
			t.Run("calls", func(t *testing.T) { t.Parallel(); testCalls(t, limiter) })
			t.Run("cost above burst", func(t *testing.T) { t.Parallel(); testCostAboveBurst(t, limiter) })
			t.Run("keys are apart", func(t *testing.T) { t.Parallel(); testKeysAreApart(t, limiter) })
			t.Run("concurrency", func(t *testing.T) { t.Parallel(); testConcurrency(t, limiter) })
			t.Run("refill", func(t *testing.T) { t.Parallel(); testRefill(t, limiter) })
		})
	}
}

func newMemory(t testing.TB) *Memory {
	m := NewMemory(10_000)
	t.Cleanup(m.Close)
	return m
}

func openRedis(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

var slow = redis_rate.Limit{Rate: 8, Burst: 16, Period: time.Hour}

const interval = 450 * time.Second

func requireResult(t *testing.T, allowed, remaining int, retry, reset time.Duration, got *redis_rate.Result) {
	t.Helper()
	require.Equal(t, allowed, got.Allowed, "allowed")
	require.Equal(t, remaining, got.Remaining, "remaining")
	require.InDelta(t, reset.Seconds(), got.ResetAfter.Seconds(), 60, "reset after")
	if retry == -1 {
		require.Equal(t, retry, got.RetryAfter, "retry after")
		return
	}
	require.InDelta(t, retry.Seconds(), got.RetryAfter.Seconds(), 60, "retry after")
}

func testCalls(t *testing.T, limiter *redis_rate.Limiter) {
	key := uuid.NewString()
	for i, call := range []struct {
		n                  int
		atMost             bool
		allowed, remaining int
		retry, reset       time.Duration
	}{
		{n: 1, allowed: 1, remaining: 15, retry: -1, reset: interval},
		{n: 5, allowed: 5, remaining: 10, retry: -1, reset: 6 * interval},
		{n: 12, allowed: 0, remaining: 0, retry: 2 * interval, reset: 6 * interval},
		{n: 4, atMost: true, allowed: 4, remaining: 6, retry: -1, reset: 10 * interval},
		{n: 20, atMost: true, allowed: 6, remaining: 0, retry: -1, reset: 16 * interval},
		{n: 1, allowed: 0, remaining: 0, retry: interval, reset: 16 * interval},
		{n: 1, atMost: true, allowed: 0, remaining: 0, retry: interval, reset: 16 * interval},
	} {
		run := limiter.AllowN
		if call.atMost {
			run = limiter.AllowAtMost
		}
		got, err := run(t.Context(), key, slow, call.n)
		require.NoError(t, err, i)
		requireResult(t, call.allowed, call.remaining, call.retry, call.reset, got)
	}
	require.NoError(t, limiter.Reset(t.Context(), key))
	got, err := limiter.Allow(t.Context(), key, slow)
	require.NoError(t, err)
	requireResult(t, 1, 15, -1, interval, got)
}

func testCostAboveBurst(t *testing.T, limiter *redis_rate.Limiter) {
	key := uuid.NewString()
	got, err := limiter.AllowN(t.Context(), key, slow, 17)
	require.NoError(t, err)
	requireResult(t, 0, 0, interval, 0, got)
	got, err = limiter.AllowAtMost(t.Context(), key, slow, 17)
	require.NoError(t, err)
	requireResult(t, 16, 0, -1, 16*interval, got)
}

func testKeysAreApart(t *testing.T, limiter *redis_rate.Limiter) {
	one, other := uuid.NewString(), uuid.NewString()
	_, err := limiter.AllowN(t.Context(), one, slow, 16)
	require.NoError(t, err)
	got, err := limiter.Allow(t.Context(), other, slow)
	require.NoError(t, err)
	require.Equal(t, 1, got.Allowed)
	require.NoError(t, limiter.Reset(t.Context(), other))
	got, err = limiter.Allow(t.Context(), one, slow)
	require.NoError(t, err)
	require.Equal(t, 0, got.Allowed)
}

func testConcurrency(t *testing.T, limiter *redis_rate.Limiter) {
	key := uuid.NewString()
	limit := redis_rate.Limit{Rate: 1, Burst: 100, Period: time.Hour}
	var allowed atomic.Int64
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for range 20 {
				got, err := limiter.Allow(context.Background(), key, limit)
				if err != nil {
					t.Error(err)
					return
				}
				allowed.Add(int64(got.Allowed))
			}
		})
	}
	callers.Wait()
	require.Equal(t, int64(100), allowed.Load())
}

func testRefill(t *testing.T, limiter *redis_rate.Limiter) {
	key := uuid.NewString()
	limit := redis_rate.Limit{Rate: 4, Burst: 4, Period: time.Second}
	got, err := limiter.AllowN(t.Context(), key, limit, 4)
	require.NoError(t, err)
	require.Equal(t, 4, got.Allowed)
	require.Eventually(t, func() bool {
		got, err := limiter.Allow(t.Context(), key, limit)
		return err == nil && got.Allowed == 1
	}, 20*time.Second, 20*time.Millisecond)
}
