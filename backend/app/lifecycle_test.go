package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSupervisedPartStartsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var runs atomic.Int32
		broken := errors.New("broken")
		a := &App{log: slog.New(slog.NewTextHandler(&out, nil))}
		s := a.supervise(t.Context(), "part", time.Minute, func(ctx context.Context) error {
			if runs.Add(1) <= 10 {
				return broken
			}
			<-ctx.Done()
			return ctx.Err()
		})
		synctest.Wait()
		require.ErrorIs(t, s.check(), broken)
		time.Sleep(10 * restart.Max) //nolint:forbidigo // In the bubble it passes at once.
		require.NoError(t, s.check())
		require.EqualValues(t, 11, runs.Load())
		require.NoError(t, s.stop(t.Context()))
		require.Equal(t, 10, strings.Count(out.String(), "starts again"))
		require.Contains(t, out.String(), "delay=500ms")
		require.Contains(t, out.String(), "delay=30s")
	})
}

func TestSupervisedPartThatIsDone(t *testing.T) {
	t.Parallel()
	s := (&App{}).supervise(t.Context(), "part", time.Second, func(context.Context) error { return nil })
	<-s.done
	require.NoError(t, s.check())
	require.NoError(t, s.stop(t.Context()))
}

// TestStopIsBounded stops parts that don't want to, and one between them that fails.
func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		order := make(chan string, 3)
		a := &App{}
		for _, name := range []string{"store", "queue", "role"} {
			a.onClose(name, time.Second, func() error {
				order <- name
				if name == "queue" {
					return errors.New("broken")
				}
				<-release
				return nil
			})
		}
		started := time.Now()
		err := a.Stop(t.Context())
		require.Equal(t, 2*time.Second, time.Since(started))
		require.EqualError(t, err, "stopping the role: it did not stop in time\n"+
			"stopping the queue: broken\nstopping the store: it did not stop in time")
		for _, name := range []string{"role", "queue", "store"} {
			require.Equal(t, name, <-order)
		}
		require.NoError(t, a.Stop(t.Context()))
		close(release)
	})
}

func TestDeafPartDoesNotHoldUpTheStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := (&App{}).supervise(t.Context(), "part", time.Second, func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.stop(ctx), errNotInTime)
		close(release)
	})
}
