package sqlite

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// TestFull fills the file: then only what happened to events is taken, until some have left.
func TestFull(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{MaxBytes: 1 << 20})
	published := 0
	var last *event.Event
	var err error
	for ; err == nil; published++ {
		require.Less(t, published, 200)
		last = testEvent("key")
		last.Data = make([]byte, 10_000)
		err = q.Publish(t.Context(), last)
	}
	require.ErrorIs(t, err, queue.ErrUnavailable)
	require.ErrorContains(t, err, "max_size")
	require.Greater(t, published, 50)
	change, err := event.NewChange(last, event.Change{Status: event.StatusDelivered, Attempt: 1, At: time.Now()})
	require.NoError(t, err)
	require.NoError(t, q.Publish(t.Context(), change))
	require.NoError(t, q.Ready(t.Context()), "what is there is delivered")
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c, err := q.Subscribe(t.Context(), group, queue.SubscribeOptions{})
		require.NoError(t, err)
		for range published - 1 {
			ds, err := c.Receive(t.Context(), 1)
			require.NoError(t, err)
			require.NoError(t, c.Ack(t.Context(), ds...))
		}
	}
	require.Eventually(t, func() bool { return q.Publish(t.Context(), last) == nil }, time.Minute, 10*time.Millisecond)
}
