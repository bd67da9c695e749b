package rabbitmq

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// However many take and give back at once, there is never more in flight than the limit, nobody waits for
// ever, and in the end all is free.
func TestRoomIsBoundedAndComesBack(t *testing.T) {
	t.Parallel()
	const limit = 100
	r := newRoom(limit)
	var inFlight atomic.Int64
	var takers sync.WaitGroup
	for n := range 50 {
		takers.Go(func() {
			want := int64(1 + n%limit*2) // The largest takes nearly all.
			for range 200 {
				if r.acquire(t.Context(), want) != nil {
					t.Error("it never got its part")
					return
				}
				if inFlight.Add(want) > limit {
					t.Error("more than there is")
				}
				inFlight.Add(-want)
				r.release(want)
			}
		})
	}
	takers.Wait()
	require.True(t, r.take(limit))
}

// Who needs much gets it before those who came later and need little, and who gives up waiting stands in
// nobody's way.
func TestRoomIsGivenInOrder(t *testing.T) {
	t.Parallel()
	r := newRoom(10)
	require.NoError(t, r.acquire(t.Context(), 5))
	given := make(chan int64, 2)
	wait := func(ctx context.Context, n int64, before int32) {
		go func() {
			if r.acquire(ctx, n) == nil {
				given <- n
			}
		}()
		require.Eventually(t, func() bool { return r.waiting.Load() == before+1 }, time.Minute, time.Millisecond)
	}
	gaveUp, giveUp := context.WithCancel(t.Context())
	wait(gaveUp, 9, 0)
	wait(t.Context(), 10, 1)
	giveUp()
	require.Eventually(t, func() bool { return r.waiting.Load() == 1 && len(r.turn) == 1 }, time.Minute, time.Millisecond)
	wait(t.Context(), 1, 1)
	require.Empty(t, given)
	r.release(5)
	require.Equal(t, int64(10), <-given)
	r.release(10)
	require.Equal(t, int64(1), <-given)
}
