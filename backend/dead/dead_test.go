package dead_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/dead"
	"github.com/botgate/botgate/internal/queue"
)

var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestSet(t *testing.T) {
	t.Parallel()
	var q queue.DeadQuery
	for name, value := range map[string]string{
		"bot": "b", "type": "t", "user": "u", "reason": "r", "cursor": "c", "limit": "7",
		"since": "2026-03-01T00:00:00+01:00", "until": "90m",
	} {
		require.NoError(t, dead.Set(&q, name, value, now), name)
		require.NoError(t, dead.Set(&q, name, "", now), "an empty value changes nothing")
	}
	require.True(t, q.Since.Equal(time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC)))
	q.Since = time.Time{}
	require.Equal(t, queue.DeadQuery{
		DeadFilter: queue.DeadFilter{Bot: "b", Type: "t", Subject: "u", Reason: "r", Until: now.Add(-90 * time.Minute)},
		Limit:      7, After: "c",
	}, q)
	for name, values := range map[string][]string{
		"limit": {"0", "-1", "1001", "x"}, "since": {"yesterday", "-1h", "1"}, "until": {"2026-03-01"},
		"bot": {"\x00", "\xff", strings.Repeat("x", 600)},
	} {
		for _, value := range values {
			require.ErrorContains(t, dead.Set(&q, name, value, now), name+" must be")
		}
	}
	require.ErrorIs(t, dead.Set(&q, "users", "", now), dead.ErrUnknownParameter)
}

// TestAll moves what comes in parts, and stops at what dies meanwhile.
func TestAll(t *testing.T) {
	t.Parallel()
	var asked []queue.DeadQuery
	parts := []queue.DeadResult{{Done: 1000, Next: "a"}, {Done: 700, Skipped: 2, Next: "b"}, {Done: 3, Skipped: 1}}
	move := func(_ context.Context, q queue.DeadQuery) (queue.DeadResult, error) {
		asked = append(asked, q)
		return parts[len(asked)-1], nil
	}
	result, err := dead.All(t.Context(), queue.DeadFilter{Bot: "b"}, 0, now, move)
	require.NoError(t, err)
	require.Equal(t, queue.DeadResult{Done: 1703, Skipped: 3}, result)
	for i, after := range []string{"", "a", "b"} {
		require.Equal(t, queue.DeadQuery{DeadFilter: queue.DeadFilter{Bot: "b", Until: now}, Limit: 1000, After: after}, asked[i])
	}

	asked = nil
	result, err = dead.All(t.Context(), queue.DeadFilter{Until: now.Add(-time.Hour)}, 1700, now, move)
	require.NoError(t, err)
	require.Equal(t, 1700, result.Done)
	require.Len(t, asked, 2)
	require.Equal(t, 700, asked[1].Limit)
	require.Equal(t, now.Add(-time.Hour), asked[1].Until)

	down := errors.New("down")
	result, err = dead.All(t.Context(), queue.DeadFilter{}, 0, now, func(context.Context, queue.DeadQuery) (queue.DeadResult, error) {
		return queue.DeadResult{Done: 4}, down
	})
	require.ErrorIs(t, err, down)
	require.Equal(t, 4, result.Done)
}
