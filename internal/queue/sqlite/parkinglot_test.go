package sqlite

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// childPark moves everything to a parking lot.
func childPark(ctx context.Context, q *Queue) error {
	c, err := q.Subscribe(ctx, queue.Record, queue.SubscribeOptions{})
	if err != nil {
		return err
	}
	for {
		ds, err := c.Receive(ctx, 5)
		if err != nil {
			return err
		}
		if err := c.Park(ctx, "lot", ds...); err != nil {
			return err
		}
		for _, d := range ds {
			fmt.Println("parked", d.Event.ID)
		}
	}
}

// TestKilledParker kills a process that parks: every event is in Record or in the parking lot, once.
func TestKilledParker(t *testing.T) {
	t.Parallel()
	q, events, said := killedAmid(t, "park")
	parked := drainGroup(t, q, queue.ParkingLot("lot"))
	for _, id := range said["parked"] {
		require.Equal(t, 1, parked[id])
	}
	waiting := drainGroup(t, q, queue.Record)
	for _, e := range events {
		require.Equal(t, 1, parked[e.ID]+waiting[e.ID])
	}
}

// TestParkedCrashesAreCounted has consumers of a parking lot end with an event in hand.
func TestParkedCrashesAreCounted(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	require.NoError(t, q.Publish(t.Context(), testEvent("key")))
	c := subscribe(t, q, queue.Record)
	park := func(c *consumer, lot string) {
		require.NoError(t, c.Park(t.Context(), lot, receiveOne(t, c)))
	}
	park(c, "a")
	_, err := direct(t, q).ExecContext(t.Context(), "UPDATE deliveries SET state = 3, owner = 1 WHERE grp > 3")
	require.NoError(t, err)
	require.NoError(t, q.reap(t.Context()), "nobody is the owner 1")
	a := subscribe(t, q, queue.ParkingLot("a"))
	park(a, "b")
	b := subscribe(t, q, queue.ParkingLot("b"))
	require.Equal(t, 1, receiveOne(t, b).Crashes)
}
