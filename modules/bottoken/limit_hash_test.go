package bottoken

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHashLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newHashLimit(2)
		require.True(t, l.enter(t.Context(), "a"))
		require.True(t, l.enter(t.Context(), "a"))
		entered := make(chan bool, 100)
		for i := range maxWaiting {
			go func() { entered <- l.enter(t.Context(), fmt.Sprint(i)) }()
		}
		synctest.Wait()
		require.False(t, l.enter(t.Context(), "a"), "the queue is full: nobody waits for nothing")
		require.Empty(t, entered)

		l.leave()
		require.True(t, <-entered, "the next one's turn")
		began := time.Now()
		for range maxWaiting - 1 {
			require.False(t, <-entered)
		}
		require.Equal(t, maxWait, time.Since(began))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, l.enter(ctx, "a"))
		l.leave()
		l.leave()
		require.Empty(t, l.waiting)
		require.Equal(t, 2, l.free, "all have left")
	})
}

// TestGuessersHoldUpEachOther: those who failed before, from however many addresses, fill the queue, and a client
// that did not goes before them all.
func TestGuessersHoldUpEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newHashLimit(1)
		require.True(t, l.enter(t.Context(), "guesser 0"))
		guessed := make(chan bool, 2*maxWaiting)
		for i := range 2 * maxWaiting {
			address := fmt.Sprint("guesser ", i%40)
			l.failed(address, 1)
			go func() { guessed <- l.enter(t.Context(), address) }()
		}
		synctest.Wait()
		good := make(chan bool, 1)
		go func() { good <- l.enter(t.Context(), "client") }()
		synctest.Wait()
		require.Len(t, l.waiting, maxWaiting)
		l.leave()
		require.True(t, <-good)
		for range 2 * maxWaiting {
			require.False(t, <-guessed)
		}
	})
}

// TestOneAddressDoesNotFillTheQueue, though it never failed.
func TestOneAddressDoesNotFillTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newHashLimit(0)
		for range maxWaitingOfOne {
			go l.enter(t.Context(), "a")
		}
		synctest.Wait()
		began := time.Now()
		require.False(t, l.enter(t.Context(), "a"))
		require.Zero(t, time.Since(began))
		require.False(t, l.enter(t.Context(), "b"))
		require.Equal(t, maxWait, time.Since(began), "it could have had its turn")
	})
}
