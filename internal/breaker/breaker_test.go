package breaker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errTimeout = errors.New("i/o timeout")

// counted makes calls that end with an error, and counts those that were made.
func counted(t *testing.T, b *Breaker) (call func(error) error, calls *int) {
	t.Helper()
	calls = new(int)
	return func(err error) error {
		return b.Call(t.Context(), time.Second, func(context.Context) error { *calls++; return err })
	}, calls
}

func TestServerThatFailsIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []error
		b := New(func(err error) { changes = append(changes, err) })
		call, calls := counted(t, b)
		for range 100 {
			require.Error(t, call(errTimeout))
		}
		require.Equal(t, TripAfter, *calls)
		require.ErrorIs(t, call(nil), ErrResting)
		<-time.After(ProbeEvery)
		require.ErrorIs(t, call(errTimeout), errTimeout, "one call tries")
		require.ErrorIs(t, call(nil), ErrResting)
		<-time.After(ProbeEvery)
		require.NoError(t, call(nil))
		require.NoError(t, call(nil), "one success is enough to ask again")
		require.Equal(t, []error{errTimeout}, changes, "not calm yet")
		<-time.After(calmFor)
		require.NoError(t, call(nil))
		require.NoError(t, call(nil))
		require.Equal(t, []error{errTimeout, nil}, changes)
		require.False(t, b.Degraded())
	})
}

func TestChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		changes := 0
		b := New(func(error) { changes++ })
		call, _ := counted(t, b)
		require.NoError(t, call(nil))
		require.Zero(t, changes)
		for range 100 {
			require.Error(t, call(errTimeout))
			<-time.After(time.Second)
			require.NoError(t, call(nil))
		}
		require.Equal(t, 1, changes, "a server on the edge is not well")
		require.True(t, b.Degraded())
	})
}

func TestCallerThatLeftIsNoFault(t *testing.T) {
	t.Parallel()
	b := New(func(error) { t.Error("told of a change") })
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 2 * TripAfter {
		require.ErrorIs(t, b.Call(gone, time.Second, func(ctx context.Context) error { return ctx.Err() }), context.Canceled)
	}
}

func TestBudgetBoundsACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(func(error) {})
		err := b.Call(t.Context(), time.Second, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, b.Degraded())
	})
}
