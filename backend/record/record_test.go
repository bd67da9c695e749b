package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func TestAcknowledgesAfterCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(storetest.Events(120)...), newStore(nil)
		q.onAck = func(deliveries []*queue.Delivery) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, d := range deliveries {
				if !s.ids[d.Event.ID] {
					panic("acknowledged before it was recorded: " + d.Event.ID)
				}
			}
		}
		r := start(t, Config{Queue: q, Store: s, BatchSize: 50})
		synctest.Wait()
		require.Equal(t, 120, s.len())
		require.Zero(t, q.left())
		require.NoError(t, r.Healthy())
		require.NoError(t, r.stop())
		require.Equal(t, 1, q.closed)
		require.Error(t, r.Healthy(), "not running")
	})
}

func TestBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(storetest.Events(1000)...), newStore(nil)
		r := start(t, Config{Queue: q, Store: s, BatchSize: 100})
		synctest.Wait()
		require.Len(t, s.batches, 10, "a backlog comes in full batches")

		began := time.Now()
		q.publish(storetest.Event(1000))
		synctest.Wait()
		require.Equal(t, 1001, s.len())
		require.Zero(t, time.Since(began), "an event alone waits for no other")
		require.NoError(t, r.stop())
	})
}

// TestEventsWithoutTheirBodyAreDeadLettered has some in a batch, and one that is a batch alone.
func TestEventsWithoutTheirBodyAreDeadLettered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(storetest.Events(10)...), newStore(nil)
		gone := func(n int) string { return storetest.Event(n).ID }
		q.unreadable = map[string]error{gone(3): errors.New("it is gone"), gone(7): errors.New("it is damaged"), gone(10): errors.New("it is gone")}
		r := start(t, Config{Queue: q, Store: s})
		synctest.Wait()
		q.publish(storetest.Event(10))
		synctest.Wait()
		require.Equal(t, 8, s.len())
		require.Equal(t, map[string]string{gone(3): "it is gone", gone(7): "it is damaged", gone(10): "it is gone"}, q.deadLettered)
		require.Zero(t, q.left())
		require.NoError(t, r.stop())
	})
}

func TestStoreUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(time.Hour)
		var tries atomic.Int64
		s := newStore(func(context.Context, []*event.Event) error {
			if time.Now().Before(back) {
				tries.Add(1)
				return fmt.Errorf("appending: %w", store.ErrUnavailable)
			}
			return nil
		})
		q := newQueue(storetest.Event(1))
		r := start(t, Config{Queue: q, Store: s})
		advance(50 * time.Minute)
		require.ErrorIs(t, r.Healthy(), store.ErrUnavailable)
		require.Equal(t, 1, q.left())
		require.Less(t, tries.Load(), int64(50*60), "at most every second or so")
		require.Greater(t, tries.Load(), int64(50*60/5), "at least every five seconds")

		advance(11 * time.Minute)
		require.Zero(t, q.left())
		require.Empty(t, q.deadLettered)
		require.Equal(t, 1, s.len())
		require.NoError(t, r.Healthy())
		require.NoError(t, r.stop())
	})
}

func TestPoison(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("does not fit")
		s := newStore(func(_ context.Context, events []*event.Event) error {
			for _, e := range events {
				if strings.HasSuffix(e.ID, "33") {
					return refused
				}
			}
			return nil
		})
		q := newQueue(storetest.Events(400)...)
		r := start(t, Config{Queue: q, Store: s})
		synctest.Wait()
		require.Equal(t, 396, s.len())
		require.Len(t, q.deadLettered, 4)
		require.Equal(t, "does not fit", q.deadLettered[storetest.Event(133).ID])
		require.Zero(t, q.left())
		require.Less(t, len(s.batches), 50, "the good ones stay together")
		require.NoError(t, r.Healthy())
		require.NoError(t, r.stop())
	})
}

func TestPoisonousEventIsNotTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(storetest.Events(20)...), newStore(nil)
		bad, suspect := storetest.Event(7).ID, storetest.Event(8).ID
		q.crashes = map[string]int{bad: queue.CrashLimit, suspect: queue.CrashLimit - 1}
		r := start(t, Config{Queue: q, Store: s})
		synctest.Wait()
		require.Zero(t, q.left())
		require.Equal(t, 19, s.len())
		require.Len(t, q.deadLettered, 1)
		require.Contains(t, q.deadLettered[bad], "delivery limit")
		require.NoError(t, r.stop())
	})
}

func TestPanicIsARefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := newStore(func(_ context.Context, events []*event.Event) error {
			for _, e := range events {
				if e.ID == storetest.Event(33).ID {
					panic("poison")
				}
			}
			return nil
		})
		q := newQueue(storetest.Events(100)...)
		r := start(t, Config{Queue: q, Store: s, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		synctest.Wait()
		require.Equal(t, 99, s.len())
		require.Zero(t, q.left())
		require.Equal(t, map[string]string{storetest.Event(33).ID: errPanicked.Error()}, q.deadLettered)
		require.NoError(t, r.stop())
		require.Contains(t, out.String(), "panic=poison")
		require.Contains(t, out.String(), "record_test.go", "the stack is there")
	})
}

func TestPoisonWithRealStore(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "events.db")})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	events := storetest.Events(20)
	events[7].Subject = "NUL \x00"
	events[11].VerifiedBy, events[11].Type = "botgate", "botgate.event.failed"
	q := newQueue(events...)
	r := start(t, Config{Queue: q, Store: s})
	require.Eventually(t, func() bool { return q.left() == 0 }, time.Minute, time.Millisecond)
	require.NoError(t, r.stop())
	page, err := s.List(t.Context(), store.Query{Limit: 100})
	require.NoError(t, err)
	require.Len(t, page.Records, 18)
	require.Contains(t, q.deadLettered, events[7].ID)
	require.Contains(t, q.deadLettered, events[11].ID)
}

func TestQueueFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, broken := newStore(nil), errors.New("broken")
		q := newQueue(storetest.Event(1))
		q.subscribe, q.receive = []error{queue.ErrUnavailable}, []error{broken}
		r, err := New(Config{Queue: q, Store: s})
		require.NoError(t, err)
		require.ErrorIs(t, r.Run(t.Context()), queue.ErrUnavailable)
		require.ErrorIs(t, r.Run(t.Context()), broken)
		require.Error(t, r.Healthy())

		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		require.NoError(t, r.Healthy(), "it can run again")
		require.Equal(t, 1, s.len())
		cancel()
		require.NoError(t, <-done)
	})
}

func TestAckFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, s := newQueue(storetest.Event(1)), newStore(nil)
		q.ack = []error{queue.ErrUnavailable, queue.ErrUnavailable, nil, fmt.Errorf("%w: connection closed", queue.ErrLost)}
		r := start(t, Config{Queue: q, Store: s})
		synctest.Wait()
		require.ErrorIs(t, r.Healthy(), queue.ErrUnavailable)
		advance(time.Minute)
		require.Zero(t, q.left(), "told again until the queue took it")
		require.NoError(t, r.Healthy())

		q.publish(storetest.Event(2))
		synctest.Wait()
		q.publish(storetest.Event(3))
		synctest.Wait()
		require.Equal(t, 3, s.len(), "a lost delivery stops nothing")
		require.NoError(t, r.stop())
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		q := newQueue(storetest.Events(3)...)
		s := newStore(func(_ context.Context, events []*event.Event) error {
			if events[0].ID == storetest.Event(0).ID {
				return errors.New("refused")
			}
			return nil
		})
		r := start(t, Config{Queue: q, Store: s, Registerer: registry})
		synctest.Wait()
		require.NoError(t, r.stop())
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP botgate_record_events_total Events and changes taken from the queue, by what came of them: recorded (repeats included), dead_lettered because the store can't take them, or parked because their shard is down.
# TYPE botgate_record_events_total counter
botgate_record_events_total{outcome="dead_lettered"} 1
botgate_record_events_total{outcome="parked"} 0
botgate_record_events_total{outcome="recorded"} 2
`), "botgate_record_events_total"))
		require.Equal(t, 2, delays(t, registry))
		problems, err := testutil.GatherAndLint(registry)
		require.NoError(t, err)
		require.Empty(t, problems)
		_, err = New(Config{Registerer: registry})
		require.Error(t, err, "registered already")
	})
}
