package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// TestMoveAllDead moves what comes in parts, and stops at what dies meanwhile.
func TestMoveAllDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testMoveAllDead)
}

func testMoveAllDead(t *testing.T) {
	now := time.Now()
	var asked []queue.DeadQuery
	parts := []queue.DeadResult{{Done: 1000, Next: "a"}, {Done: 700, Skipped: 2, Next: "b"}, {Done: 3, Skipped: 1}}
	move := func(_ context.Context, q queue.DeadQuery) (queue.DeadResult, error) {
		asked = append(asked, q)
		return parts[len(asked)-1], nil
	}
	result, err := queue.DeadMove(move).All(t.Context(), queue.DeadFilter{Bot: "b"}, 0)
	require.NoError(t, err)
	require.Equal(t, queue.DeadResult{Done: 1703, Skipped: 3}, result)
	for i, after := range []string{"", "a", "b"} {
		require.Equal(t, queue.DeadQuery{DeadFilter: queue.DeadFilter{Bot: "b", Until: now}, Limit: 1000, After: after}, asked[i])
	}

	asked = nil
	result, err = queue.DeadMove(move).All(t.Context(), queue.DeadFilter{Until: now.Add(-time.Hour)}, 1700)
	require.NoError(t, err)
	require.Equal(t, 1700, result.Done)
	require.Len(t, asked, 2)
	require.Equal(t, 700, asked[1].Limit)
	require.Equal(t, now.Add(-time.Hour), asked[1].Until)

	down := errors.New("down")
	failing := queue.DeadMove(func(context.Context, queue.DeadQuery) (queue.DeadResult, error) {
		return queue.DeadResult{Done: 4}, down
	})
	result, err = failing.All(t.Context(), queue.DeadFilter{}, 0)
	require.ErrorIs(t, err, down)
	require.Equal(t, 4, result.Done)
}
