package botlimit

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/stretchr/testify/require"
)

func TestMemoryRefillsAndForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemory(1000)
		defer memory.Close()
		limiter := redis_rate.NewLimiter(memory)
		limit := redis_rate.Limit{Rate: 2, Burst: 4, Period: time.Second}
		take := func(n int) *redis_rate.Result {
			got, err := limiter.AllowN(t.Context(), "k", limit, n)
			require.NoError(t, err)
			return got
		}
		require.Equal(t, 0, take(4).Remaining)
		refused := take(1)
		require.Equal(t, 500*time.Millisecond, refused.RetryAfter)
		require.Equal(t, 2*time.Second, refused.ResetAfter)
		<-time.After(refused.RetryAfter - time.Millisecond)
		require.Equal(t, 0, take(1).Allowed, "a moment early")
		<-time.After(time.Millisecond)
		require.Equal(t, 1, take(1).Allowed, "at the time that was told")
		require.Equal(t, 1, memory.table.len())

		<-time.After(sweepEvery + 2*time.Second)
		synctest.Wait()
		require.Equal(t, 0, memory.table.len(), "a key with its full allowance is forgotten")
		require.Equal(t, 3, take(1).Remaining)
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const most = 10 * shards
	memory := NewMemory(most)
	t.Cleanup(memory.Close)
	limiter := redis_rate.NewLimiter(memory)
	limit := redis_rate.Limit{Rate: 1, Burst: 1000, Period: time.Hour}
	_, err := limiter.AllowN(t.Context(), "heavy", limit, 1000)
	require.NoError(t, err)
	for i := range 20 * most {
		_, err := limiter.Allow(t.Context(), fmt.Sprint(i), limit)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, memory.table.len(), most)
	require.Greater(t, memory.table.len(), most/2)
	got, err := limiter.Allow(t.Context(), "heavy", limit)
	require.NoError(t, err)
	require.Equal(t, 0, got.Allowed, "inventing keys must not win back an allowance")
}

// TestMemoryKnowsItsScripts fails when another version of redis_rate has other scripts.
func TestMemoryKnowsItsScripts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	memory := newMemory(t)
	args := []any{10, 10, 1.0, 1}
	for _, cmd := range []interface{ Err() error }{
		memory.EvalSha(ctx, allowNHash, []string{"k"}, args...),
		memory.EvalShaRO(ctx, allowAtMostHash, []string{"k"}, args...),
	} {
		require.NoError(t, cmd.Err())
	}
	require.ErrorIs(t, memory.EvalRO(ctx, "return 1", []string{"k"}, args...).Err(), errUnknownScript)
	require.ErrorIs(t, memory.EvalSha(ctx, allowNHash, []string{"k"}, 10, 10, 1.0).Err(), errScriptCall)
	require.ErrorIs(t, memory.EvalSha(ctx, allowNHash, []string{"k"}, 10, 10, "1", 1).Err(), errScriptCall)
	require.ErrorIs(t, memory.EvalSha(ctx, allowNHash, nil, args...).Err(), errScriptCall)

	hash := memory.ScriptLoad(ctx, "return 1").Val()
	require.Equal(t, []bool{true, true, false}, memory.ScriptExists(ctx, allowNHash, allowAtMostHash, hash).Val())
	require.Equal(t, int64(1), memory.Del(ctx, "k", "absent").Val())
}
