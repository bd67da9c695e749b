package breaker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
)

var errTimeout = errors.New("i/o timeout")

// lines is how many warnings the log has, and how many other lines.
func lines(log *testlog.Buffer) []int {
	return []int{strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "level=INFO")}
}

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
		log, degraded := new(testlog.Buffer), prometheus.NewGauge(prometheus.GaugeOpts{})
		b := New(Config{Logger: log.Logger(), Effect: "limits are local", Degraded: degraded})
		call, calls := counted(t, b)
		for range 100 {
			require.Error(t, call(errTimeout))
		}
		require.Equal(t, tripAfter, *calls)
		require.ErrorIs(t, call(nil), ErrOpen)
		<-time.After(ProbeEvery)
		require.ErrorIs(t, call(errTimeout), errTimeout, "one call tries")
		require.ErrorIs(t, call(nil), ErrOpen)
		<-time.After(ProbeEvery)
		require.NoError(t, call(nil))
		require.NoError(t, call(nil), "one success is enough to ask again")
		require.InDelta(t, 1, testutil.ToFloat64(degraded), 0, "not calm yet")
		require.Contains(t, log.String(), `level=WARN msg="redis does not answer in time" effect="limits are local" error="i/o timeout"`)
		require.NotContains(t, log.String(), "level=INFO")
		<-time.After(calmFor)
		require.NoError(t, call(nil))
		require.NoError(t, call(nil))
		require.Equal(t, []int{1, 1}, lines(log))
		require.Zero(t, testutil.ToFloat64(degraded))
	})
}

func TestChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, degraded := new(testlog.Buffer), prometheus.NewGauge(prometheus.GaugeOpts{})
		b := New(Config{Logger: log.Logger(), Degraded: degraded})
		call, _ := counted(t, b)
		require.NoError(t, call(nil))
		require.Equal(t, []int{0, 0}, lines(log))
		for range 100 {
			require.Error(t, call(errTimeout))
			<-time.After(calmFor - time.Second)
			require.NoError(t, call(nil))
		}
		require.Equal(t, []int{1, 0}, lines(log), "a server on the edge is not well")
		require.InDelta(t, 1, testutil.ToFloat64(degraded), 0)
		b.Close()
		b.Close()
		require.Zero(t, testutil.ToFloat64(degraded))
	})
}

// TestIdleBreakerFindsOutByItself fails one call, and then only probes ask.
func TestIdleBreakerFindsOutByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, degraded := new(testlog.Buffer), prometheus.NewGauge(prometheus.GaugeOpts{})
		var well atomic.Bool
		var probes atomic.Int32
		b := New(Config{Logger: log.Logger(), Degraded: degraded, Probe: func(context.Context) error {
			probes.Add(1)
			if !well.Load() {
				return errTimeout
			}
			return nil
		}})
		call, _ := counted(t, b)
		require.Error(t, call(errTimeout))
		<-time.After(time.Minute)
		require.InDelta(t, 1, testutil.ToFloat64(degraded), 0)
		require.LessOrEqual(t, probes.Load(), int32(time.Minute/ProbeEvery))
		well.Store(true)
		<-time.After(calmFor + 2*ProbeEvery)
		require.Zero(t, testutil.ToFloat64(degraded))
		require.Equal(t, []int{1, 1}, lines(log))
		asked := probes.Load()
		<-time.After(time.Minute)
		require.Equal(t, asked, probes.Load(), "one that is well is not asked")
		b.Close()
		require.Error(t, call(errTimeout))
		<-time.After(time.Minute)
		require.Equal(t, asked, probes.Load(), "nor after the end")
	})
}

func TestCloseEndsAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		probing := make(chan struct{})
		b := New(Config{Logger: new(testlog.Buffer).Logger(), Probe: func(ctx context.Context) error {
			close(probing)
			<-ctx.Done()
			return ctx.Err()
		}})
		call, _ := counted(t, b)
		require.Error(t, call(errTimeout))
		<-probing
		b.Close()
	})
}

func TestCallerThatLeftIsNoFault(t *testing.T) {
	t.Parallel()
	log := new(testlog.Buffer)
	b := New(Config{Logger: log.Logger()})
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 2 * tripAfter {
		require.ErrorIs(t, b.Call(gone, time.Second, func(ctx context.Context) error { return ctx.Err() }), context.Canceled)
	}
	require.Empty(t, log.String())
}

func TestBudgetBoundsACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(testlog.Buffer)
		b := New(Config{Logger: log.Logger()})
		err := b.Call(t.Context(), time.Second, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []int{1, 0}, lines(log))
	})
}
