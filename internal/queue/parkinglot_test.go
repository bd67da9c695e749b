package queue_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

func TestParkingLot(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "Shard_1-b", "0", strings.Repeat("x", 64)} {
		got, ok := queue.ParkingLot(name).ParkingLot()
		require.True(t, ok, name)
		require.Equal(t, name, got)
	}
	for _, group := range []queue.Group{
		"", queue.Record, queue.Dispatch, queue.Dead, queue.ParkingLots, queue.ParkingLot(""), queue.ParkingLot("a.b"),
		queue.ParkingLot("ä"), queue.ParkingLot(strings.Repeat("x", 65)),
	} {
		name, ok := group.ParkingLot()
		require.False(t, ok, group)
		require.Empty(t, name, group)
	}
}
