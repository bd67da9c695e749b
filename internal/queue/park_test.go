package queue_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

func TestLane(t *testing.T) {
	t.Parallel()
	for _, lane := range []string{"a", "Shard_1-b", "0", strings.Repeat("x", 64)} {
		got, ok := queue.Parked(lane).Lane()
		require.True(t, ok, lane)
		require.Equal(t, lane, got)
	}
	for _, group := range []queue.Group{
		"", queue.Record, queue.Dispatch, queue.Dead, queue.AllParked, queue.Parked(""), queue.Parked("a.b"),
		queue.Parked("ä"), queue.Parked(strings.Repeat("x", 65)),
	} {
		lane, ok := group.Lane()
		require.False(t, ok, group)
		require.Empty(t, lane, group)
	}
}
