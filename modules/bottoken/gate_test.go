package bottoken

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		require.True(t, g.enter(t.Context()))
		require.True(t, g.enter(t.Context()))
		entered := make(chan bool, 100)
		for range 2 * queuePerSlot {
			go func() { entered <- g.enter(t.Context()) }()
		}
		synctest.Wait()
		require.False(t, g.enter(t.Context()), "the queue is full: nobody waits for nothing")
		require.Empty(t, entered)

		g.leave()
		require.True(t, <-entered, "the next one's turn")
		began := time.Now()
		for range 2*queuePerSlot - 1 {
			require.False(t, <-entered)
		}
		require.Equal(t, patience, time.Since(began))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, g.enter(ctx))
		g.leave()
		g.leave()
		require.Empty(t, g.queue, "all have left")
	})
}
