package bottoken

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHashLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newHashLimit(2)
		require.True(t, l.enter(t.Context()))
		require.True(t, l.enter(t.Context()))
		entered := make(chan bool, 100)
		for range 2 * queuePerSlot {
			go func() { entered <- l.enter(t.Context()) }()
		}
		synctest.Wait()
		require.False(t, l.enter(t.Context()), "the queue is full: nobody waits for nothing")
		require.Empty(t, entered)

		l.leave()
		require.True(t, <-entered, "the next one's turn")
		began := time.Now()
		for range 2*queuePerSlot - 1 {
			require.False(t, <-entered)
		}
		require.Equal(t, maxWait, time.Since(began))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, l.enter(ctx))
		l.leave()
		l.leave()
		require.Empty(t, l.queue, "all have left")
	})
}
