package spool_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/queue/sqlite"
	"github.com/botgate/botgate/internal/testlog"
)

func TestMain(m *testing.M) {
	if os.Getenv(childPath) != "" {
		fmt.Fprintln(os.Stderr, runChild())
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func TestAWellBrokerGetsEverythingDirectly(t *testing.T) {
	t.Parallel()
	b := &broker{}
	q := open(t, b, spool.Config{}, spool.Options{})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", 1), newEvent(t, "k", 2)))
	require.Equal(t, 1, b.published())
	require.Equal(t, []string{"1", "2"}, b.bodies("k"))
	requireEmpty(t, q)
}

func TestWhatTheBrokerDoesNotTakeIsSpooledAndDrained(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]outcome{"unavailable": unavailable, "nacking": nack, "losing confirms": lose, "blocked": block, "late": late} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &broker{}
			b.behave(always(fault))
			q := open(t, b, spool.Config{DrainTimeout: 20 * time.Millisecond}, spool.Options{ConfirmTimeout: 20 * time.Millisecond})
			for n := range 5 {
				require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", n)))
			}
			require.Positive(t, q.Stats().Bytes)
			require.False(t, q.Stats().Oldest.IsZero())
			require.NoError(t, q.Ready(t.Context()))
			b.behave(nil)
			waitDrained(t, q)
			require.Equal(t, []string{"0", "1", "2", "3", "4"}, b.bodies("k"))
			requireEmpty(t, q)
		})
	}
}

func TestNewEventsOfAKeyWaitTheirTurnAndOthersDoNot(t *testing.T) {
	t.Parallel()
	b := &broker{}
	// Only this key's events fail, so the broker is well for the others.
	b.behave(func(e *event.Event) outcome {
		if e != nil && e.OrderKey == "stuck" {
			return nack
		}
		return take
	})
	q := open(t, b, spool.Config{}, spool.Options{})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "stuck", 1)))
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "stuck", 2)))
	for n := range 20 {
		require.NoError(t, q.Publish(t.Context(), newEvent(t, fmt.Sprint("free-", n), n)))
	}
	require.Eventually(t, func() bool { return len(b.bodies("")) == 20 && q.Stats().Events == 2 }, patience, tick)
	b.behave(nil)
	waitDrained(t, q)
	require.Equal(t, []string{"1", "2"}, b.bodies("stuck"))
}

func TestABrokerKnownToBeUnavailableIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	b, answer := &broker{}, make(chan struct{})
	b.behave(func(*event.Event) outcome {
		<-answer
		return unavailable
	})
	q := open(t, b, spool.Config{}, spool.Options{})
	end := sync.OnceFunc(func() { close(answer) })
	t.Cleanup(end)
	first, e := make(chan error, 1), newEvent(t, "k", 0)
	go func() { first <- q.Publish(t.Context(), e) }()
	require.Eventually(t, func() bool { return b.published() == 1 }, patience, tick)
	answer <- struct{}{}
	require.NoError(t, <-first)
	const callers = 100
	for n := range callers {
		require.NoError(t, q.Publish(t.Context(), newEvent(t, fmt.Sprint("key-", n), n)))
	}
	require.Less(t, b.published(), callers, "one caller's and those that the drainer began with")
	end()
	b.behave(nil)
	waitDrained(t, q)
}

func TestRefusedForGoodIsKeptAside(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(unavailable))
	path := newPath(t)
	q := open(t, b, spool.Config{Path: path}, spool.Options{})
	for n := range 3 {
		require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", n)))
	}
	b.behave(func(e *event.Event) outcome {
		if e != nil && string(e.Data) == "1" {
			return tooLarge
		}
		return take
	})
	waitDrained(t, q)
	require.Equal(t, []string{"0", "2"}, b.bodies("k"))
	kept := q.Stats().Bytes
	require.Positive(t, kept, "it counts against the size")
	require.NoError(t, q.Close())

	reopened := open(t, b, spool.Config{Path: path}, spool.Options{})
	require.Eventually(t, func() bool {
		return reopened.Stats().Events == 0 && reopened.Stats().Bytes == kept
	}, patience, tick, "it is offered again, and refused")
	require.NoError(t, reopened.Close())
	file, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	dead, err := file.Subscribe(t.Context(), queue.Dead, queue.SubscribeOptions{})
	require.NoError(t, err)
	ds, err := dead.Receive(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "1", string(ds[0].Event.Data))
	require.NoError(t, file.Close())

	aside, err := spool.OpenAside(t.Context(), path)
	require.NoError(t, err)
	defer func() { require.NoError(t, aside.Close()) }()
	other, err := aside.List(t.Context(), spool.AsideFilter{Bot: "other"})
	require.NoError(t, err)
	require.Empty(t, other)
	list, err := aside.List(t.Context(), spool.AsideFilter{Bot: "bot"})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.ElementsMatch(t, []queue.Group{queue.Record, queue.Dispatch}, list[0].Groups)
	require.Contains(t, list[0].Reason, "refused")

	b.behave(nil)
	taking := open(t, b, spool.Config{Path: path}, spool.Options{})
	waitDrained(t, taking)
	require.Equal(t, []string{"0", "2", "1"}, b.bodies("k"), "once the broker takes it")
	requireEmpty(t, taking)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{MaxEvent: 2000}, spool.Options{MaxBytes: 2000, OneBot: func() bool { return true }})
	large := newEvent(t, "k", 1)
	large.Data = make([]byte, 2001)
	require.ErrorIs(t, q.Publish(t.Context(), large), queue.ErrTooLarge)
	large.Data = make([]byte, 1000)
	require.NoError(t, q.Publish(t.Context(), large))
	err := q.Publish(t.Context(), newEvent(t, "k", 2))
	require.ErrorIs(t, err, queue.ErrUnavailable, "it is full")
	require.ErrorContains(t, err, "max_size")
	require.ErrorIs(t, q.Ready(t.Context()), queue.ErrUnavailable)

	larger := q.file.Queue(b, spool.Options{})
	old := newEvent(t, "k", 3)
	require.NoError(t, larger.Publish(t.Context(), old), "a reload made it larger")
	young := q.file.Queue(b, spool.Options{MaxAge: time.Nanosecond})
	err = young.Publish(t.Context(), newEvent(t, "k", 4))
	require.ErrorIs(t, err, queue.ErrUnavailable, "it is too old")
	require.ErrorContains(t, err, "max_age")
	b.behave(nil)
	waitDrained(t, q)
	require.Len(t, b.bodies("k"), 2, "what is old is drained nevertheless")
	require.NoError(t, young.Publish(t.Context(), newEvent(t, "k", 5)))
}

func TestUnconfirmedAndNotSpooledIsUnconfirmed(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(nack))
	q := open(t, b, spool.Config{}, spool.Options{MaxBytes: 1})
	err := q.Publish(t.Context(), newEvent(t, "k", 1))
	require.ErrorIs(t, err, queue.ErrUnconfirmed)
	require.NotErrorIs(t, err, queue.ErrUnavailable)
}

func TestRepeatsAreSpooledOnce(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{}, spool.Options{})
	e := newEvent(t, "k", 1)
	require.NoError(t, q.Publish(t.Context(), e, e))
	require.NoError(t, q.Publish(t.Context(), e))
	require.Equal(t, 1, q.Stats().Events)
	b.behave(nil)
	waitDrained(t, q)
	require.Len(t, b.taken, 1)
	b.behave(always(unavailable))
	require.NoError(t, q.Publish(t.Context(), e), "the broker has it")
	requireEmpty(t, q, "a repeat of what was drained holds its key up no longer")
}

func TestCallersWhoLeaveAreNotSpooled(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(block))
	q := open(t, b, spool.Config{}, spool.Options{ConfirmTimeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done, e := make(chan error, 1), newEvent(t, "k", 1)
	go func() { done <- q.Publish(ctx, e) }()
	require.Eventually(t, func() bool { return b.published() == 1 }, patience, tick)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	requireEmpty(t, q)
}

func TestChangesAreSpooledToo(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{}, spool.Options{})
	change, err := event.NewChange(newEvent(t, "k", 1), event.Change{Status: event.StatusDelivered, At: time.Now()})
	require.NoError(t, err)
	require.NoError(t, q.Publish(t.Context(), change))
	b.behave(nil)
	waitDrained(t, q)
	require.Len(t, b.taken, 1)
	require.Equal(t, change, b.taken[0])
}

func TestRejectMode(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{}, spool.Options{})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", 1)))
	rejecting := q.file.Queue(b, spool.Options{Reject: true})
	require.ErrorIs(t, rejecting.Publish(t.Context(), newEvent(t, "k", 2)), queue.ErrUnavailable)
	require.ErrorIs(t, rejecting.Publish(t.Context(), newEvent(t, "other", 3)), queue.ErrUnavailable)
	require.Error(t, rejecting.Ready(t.Context()))
	b.behave(func(e *event.Event) outcome {
		if e != nil && e.OrderKey == "k" {
			return nack
		}
		return take
	})
	require.ErrorIs(t, rejecting.Publish(t.Context(), newEvent(t, "k", 4)), queue.ErrUnavailable, "its key is not drained")
	require.NoError(t, rejecting.Publish(t.Context(), newEvent(t, "other", 5)))
	b.behave(nil)
	waitDrained(t, q)
	require.NoError(t, rejecting.Publish(t.Context(), newEvent(t, "k", 6)))
	require.Equal(t, []string{"1", "6"}, b.bodies("k"))
}

// TestTheFileBelongsToOneProcess has a spool wait for the file of another one, as a new binary does.
func TestTheFileBelongsToOneProcess(t *testing.T) {
	t.Parallel()
	path, logged := newPath(t), new(testlog.Buffer)
	before, after := &broker{}, &broker{}
	before.behave(always(unavailable))
	first := open(t, before, spool.Config{Path: path}, spool.Options{})
	require.NoError(t, first.Publish(t.Context(), newEvent(t, "k", 1)))

	second := open(t, after, spool.Config{Path: path, Logger: logged.Logger()}, spool.Options{})
	require.Contains(t, logged.String(), "another process has the spool")
	require.NoError(t, second.Publish(t.Context(), newEvent(t, "k", 0)), "the broker takes it")
	after.behave(always(unavailable))
	require.ErrorIs(t, second.Publish(t.Context(), newEvent(t, "k", 2)), queue.ErrUnavailable, "there is no spool yet")
	require.ErrorIs(t, second.Ready(t.Context()), queue.ErrUnavailable)
	requireEmpty(t, second)

	require.NoError(t, first.Close())
	require.Eventually(t, func() bool { return second.Spooling() }, patience, tick, "it gets the file")
	require.NoError(t, second.Publish(t.Context(), newEvent(t, "k", 2)))
	require.NoError(t, second.Ready(t.Context()))
	after.behave(nil)
	waitDrained(t, second)
	require.Equal(t, []string{"0", "1", "2"}, after.bodies("k"))
}

func TestCloseWhileAnotherProcessHasTheFile(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	open(t, &broker{}, spool.Config{Path: path}, spool.Options{})
	second := open(t, &broker{}, spool.Config{Path: path}, spool.Options{})
	require.NoError(t, second.Close())
	require.ErrorIs(t, second.Publish(t.Context(), newEvent(t, "k", 1)), queue.ErrClosed)
}

func TestAnotherBrokerGetsWhatIsDrained(t *testing.T) {
	t.Parallel()
	first, second := &broker{}, &broker{}
	first.behave(always(unavailable))
	second.behave(always(unavailable))
	q := open(t, first, spool.Config{}, spool.Options{})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", 1)))

	failed := q.file.Queue(second, spool.Options{})
	require.NoError(t, failed.Close(), "a reload that was rolled back")
	reloaded := q.file.Queue(second, spool.Options{})
	require.NoError(t, reloaded.Publish(t.Context(), newEvent(t, "k", 2)))
	require.NoError(t, q.Queue.Close())
	first.behave(nil)
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", 3)), "a request under way")
	require.Empty(t, first.bodies("k"), "its key waits for the new broker")
	second.behave(nil)
	waitDrained(t, q)
	require.Equal(t, []string{"1", "2", "3"}, second.bodies("k"))
}

func TestABrokerClosedByAReloadIsNoRefusal(t *testing.T) {
	t.Parallel()
	old, next := &broker{}, &broker{}
	old.behave(always(closed))
	q := open(t, old, spool.Config{}, spool.Options{})
	q.file.Queue(next, spool.Options{})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", 1)))
	waitDrained(t, q)
	require.Equal(t, []string{"1"}, next.bodies("k"))
}

func TestClosed(t *testing.T) {
	t.Parallel()
	q := open(t, &broker{}, spool.Config{}, spool.Options{})
	require.NoError(t, q.Close())
	require.ErrorIs(t, q.Publish(t.Context(), newEvent(t, "k", 1)), queue.ErrClosed)
	require.ErrorIs(t, q.Ready(t.Context()), queue.ErrClosed)
}

func TestOpenSaysWhatToChange(t *testing.T) {
	t.Parallel()
	_, err := spool.Open(t.Context(), spool.Config{Path: "/dev/null/spool.db"})
	require.ErrorContains(t, err, "/dev/null")
	_, err = spool.Open(t.Context(), spool.Config{})
	require.Error(t, err)
}

func TestEachOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	b, logged := &broker{}, new(testlog.Buffer)
	q := open(t, b, spool.Config{Logger: logged.Logger()}, spool.Options{})
	for outage := 1; outage <= 2; outage++ {
		b.behave(always(unavailable))
		for n := range 5 {
			require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", n)))
		}
		require.True(t, q.Spooling())
		require.Equal(t, outage, strings.Count(logged.String(), "option=spool"))
		require.NotContains(t, logged.String(), "<nil>")
		b.behave(nil)
		waitDrained(t, q)
		require.Equal(t, outage, strings.Count(logged.String(), "the spool is drained"))
	}
}

func TestMetrics(t *testing.T) {
	// Not parallel: the other tests' spools are in them, too.
	b := &broker{}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(spool.Collectors()...)
	read := func(name string) float64 {
		t.Helper()
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if m := f.GetMetric()[0]; f.GetName() == "botgate_spool_"+name {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
		t.Fatal("no metric ", name)
		return 0
	}
	drained := read("drained_total")
	b.behave(always(unavailable))
	bound := read("max_bytes")
	q := open(t, b, spool.Config{}, spool.Options{MaxBytes: 1 << 20, MaxAge: 2 * time.Hour})
	require.InDelta(t, 1<<20, read("max_bytes")-bound, 0)
	require.InDelta(t, 7200, read("max_age_seconds"), 0)
	old := newEvent(t, "k", 1)
	old.Time = old.Time.Add(-time.Hour)
	require.NoError(t, q.Publish(t.Context(), old, newEvent(t, "k", 2)))
	require.Equal(t, []float64{1, 2}, []float64{read("degraded"), read("events")})
	require.Greater(t, read("bytes"), 1024.0)
	require.GreaterOrEqual(t, read("oldest_seconds"), 3600.0)
	b.behave(nil)
	waitDrained(t, q)
	require.Equal(t, []float64{0, 0, 0}, []float64{read("degraded"), read("events"), read("oldest_seconds")})
	require.InDelta(t, drained+2, read("drained_total"), 0)
}
