package limit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestSpent says when a key has its full allowance again, of each zone that is asked for.
func TestSpent(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, l *Limiter) {
		key := newKey()
		whole := decide(t, l, take(key, 3)).Results[0].ResetAfter
		spent, err := l.Spent(t.Context(), key, "other", "zone")
		require.NoError(t, err)
		require.Zero(t, spent[0])
		require.Positive(t, spent[1])
		require.LessOrEqual(t, spent[1], whole+time.Millisecond) // The script's sums round.
		require.NoError(t, l.Reset(t.Context(), "zone", key))
		spent, err = l.Spent(t.Context(), key, "zone")
		require.NoError(t, err)
		require.Zero(t, spent[0])
	})
}

func TestSpentWithoutRedis(t *testing.T) {
	t.Parallel()
	server := testsvc.StartRedis(t)
	l, _ := newLimiter(t, server.URL)
	server.Kill()
	_, err := l.Spent(t.Context(), "key", "zone")
	require.Error(t, err)
}
