package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/schedule"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what must happen.
const patience = time.Minute

// alone is a store of one shard.
type alone struct{ *sqlite.Store }

func (alone) ShardOf(store.Entry) string { return "main" }

// world is a log, and the queue that gets what is due.
type world struct {
	t   *testing.T
	log alone

	mu     sync.Mutex
	handed []string
	// refuse is what the queue says to an event instead of taking it; nil for nothing.
	refuse func(queue.Redelivery) error
	ready  error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "events.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &world{t: t, log: alone{s}}
}

func (w *world) Ready(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ready
}

func (w *world) Redeliver(ctx context.Context, events ...queue.Redelivery) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range events {
		if w.refuse != nil {
			if err := w.refuse(r); err != nil {
				return err
			}
		}
	}
	for _, r := range events {
		if !r.Event.ForBot() || len(r.Event.Data) == 0 || r.Replays != 0 {
			return fmt.Errorf("%w: not as an ordinary event: %+v", queue.ErrInvalid, r.Event)
		}
		w.handed = append(w.handed, r.Event.ID)
	}
	return ctx.Err()
}

// after sets what the queue does, and returns what it has.
func (w *world) set(change func()) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	return slices.Clone(w.handed)
}

func (w *world) got() []string { return w.set(func() {}) }

// event records an event that is due some time from now.
func (w *world) event(n int, in time.Duration) *event.Event {
	w.t.Helper()
	e := storetest.Event(n)
	e.Time, e.ScheduledAt = store.Micros(time.Now().Add(in)), store.Micros(time.Now().Add(-2*time.Hour))
	require.NoError(w.t, storetest.Append(w.t.Context(), w.log, []*event.Event{e}))
	return e
}

func (w *world) releaser(lease time.Duration, reg prometheus.Registerer) *schedule.Releaser {
	w.t.Helper()
	r, err := schedule.New(schedule.Config{Store: w.log, Queue: w, Notify: func([]store.Entry) {}, Lease: lease, Registerer: reg})
	require.NoError(w.t, err)
	return r
}

// run runs a releaser until stop is called, or the test ends.
func (w *world) run(r *schedule.Releaser) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(w.t, <-ended)
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) await(why string, ok func() bool) {
	w.t.Helper()
	require.Eventually(w.t, ok, patience, 5*time.Millisecond, why)
}

func (w *world) status(id string) event.Status {
	w.t.Helper()
	r, err := w.log.Get(context.Background(), id)
	require.NoError(w.t, err)
	return r.Status
}

func (w *world) awaitStatus(id string, want event.Status) {
	w.t.Helper()
	w.await("status "+string(want), func() bool { return w.status(id) == want })
}

func (w *world) canceller() schedule.Canceller {
	return schedule.Canceller{Store: w.log, Publish: func(context.Context, ...*event.Event) error { return nil }, Notify: func([]store.Entry) {}}
}

func (w *world) cancel(id string) error {
	record, err := w.log.Get(context.Background(), id)
	require.NoError(w.t, err)
	return w.canceller().Cancel(context.Background(), record)
}

func TestWhatIsDueIsHandedOverInItsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last, first := w.event(1, -time.Second), w.event(2, -time.Minute)
	later := w.event(3, time.Hour)
	reg := prometheus.NewRegistry()
	r := w.releaser(0, reg)
	require.Error(t, r.Healthy())
	w.run(r)
	w.awaitStatus(last.ID, event.StatusReleased)
	w.awaitStatus(first.ID, event.StatusReleased)
	require.Equal(t, []string{first.ID, last.ID}, w.got())
	w.await("healthy", func() bool { return r.Healthy() == nil })
	require.Equal(t, event.StatusScheduled, w.status(later.ID))
	n, err := testutil.GatherAndCount(reg, "botgate_schedule_released_total", "botgate_schedule_overdue_seconds")
	require.NoError(t, err)
	require.Equal(t, 2, n)
}

// TestManyProcesses: however many hand over, each event is handed over once, and all in the order in which they are due.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const events = 450
	var want []string
	for n := range events {
		want = append(want, w.event(n, -time.Hour+time.Duration(n)*time.Millisecond).ID)
	}
	for range 3 {
		w.run(w.releaser(0, nil))
	}
	w.awaitStatus(want[events-1], event.StatusReleased)
	require.Equal(t, want, w.got())
}

// TestKilledWhileHandingOver: another process goes on with what one claimed that is gone.
func TestKilledWhileHandingOver(t *testing.T) {
	t.Parallel()
	for name, mark := range map[string]bool{"before the queue had it": false, "before the log knew": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e, next := w.event(1, -time.Minute), w.event(2, -time.Second)
			gone, err := event.NewTurn(e, event.StatusDue, 1, time.Now())
			require.NoError(t, err)
			require.NoError(t, storetest.Append(t.Context(), w.log, []*event.Event{gone}))
			want := []string{e.ID, next.ID}
			if mark {
				w.handed = []string{e.ID}
				want = []string{e.ID, e.ID, next.ID} // With the same id: consumers drop it.
			}
			w.run(w.releaser(2*time.Second, nil))
			w.awaitStatus(next.ID, event.StatusReleased)
			w.awaitStatus(e.ID, event.StatusReleased)
			require.Equal(t, want, w.got(), "nothing overtakes it")
		})
	}
}

func TestQueueAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ready = queue.ErrUnavailable
	e := w.event(1, -time.Second)
	r := w.releaser(time.Second, nil)
	w.run(r)
	w.await("it says so", func() bool { return errors.Is(r.Healthy(), queue.ErrUnavailable) })
	require.Equal(t, event.StatusScheduled, w.status(e.ID), "nothing is claimed meanwhile")
	w.set(func() { w.ready, w.refuse = nil, func(queue.Redelivery) error { return queue.ErrUnconfirmed } })
	w.awaitStatus(e.ID, event.StatusDue)
	require.ErrorIs(t, w.cancel(e.ID), schedule.ErrNotScheduled, "the queue may have it")
	w.set(func() { w.refuse = nil })
	w.awaitStatus(e.ID, event.StatusReleased)
	w.await("healthy again", func() bool { return r.Healthy() == nil })
}

func TestWhatTheQueueNeverTakesIsDead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad, good := w.event(1, -time.Minute), w.event(2, -time.Second)
	w.refuse = func(r queue.Redelivery) error {
		if r.Event.ID == bad.ID {
			return queue.ErrTooLarge
		}
		return nil
	}
	w.run(w.releaser(0, nil))
	w.awaitStatus(good.ID, event.StatusReleased)
	w.awaitStatus(bad.ID, event.StatusDead)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, done := w.event(1, time.Hour), w.event(2, -time.Hour)
	require.NoError(t, w.cancel(e.ID))
	require.NoError(t, w.cancel(e.ID), "it can be repeated")
	w.run(w.releaser(0, nil))
	w.awaitStatus(done.ID, event.StatusReleased)
	require.ErrorIs(t, w.cancel(done.ID), schedule.ErrNotScheduled)
	require.Equal(t, event.StatusCancelled, w.status(e.ID))
	c := w.canceller()
	c.Publish = func(context.Context, ...*event.Event) error { return queue.ErrUnavailable }
	other := w.event(3, time.Hour)
	record, err := w.log.Get(t.Context(), other.ID)
	require.NoError(t, err)
	require.ErrorIs(t, c.Cancel(t.Context(), record), queue.ErrUnavailable, "the history has to know, too")
	require.NoError(t, w.cancel(other.ID))
}

// TestCancelledOrDelivered: while processes hand over, an event is cancelled or delivered, and never both.
func TestCancelledOrDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []string
	for n := range 60 {
		all = append(all, w.event(n, time.Duration(rand.IntN(1500))*time.Millisecond).ID)
	}
	for range 2 {
		w.run(w.releaser(0, nil))
	}
	var mu sync.Mutex
	cancelled := map[string]bool{}
	var group errgroup.Group
	for _, id := range all {
		group.Go(func() error {
			<-time.After(time.Duration(rand.IntN(2500)) * time.Millisecond)
			err := w.cancel(id)
			mu.Lock()
			defer mu.Unlock()
			if cancelled[id] = err == nil; err != nil && !errors.Is(err, schedule.ErrNotScheduled) {
				return err
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	w.await("all are decided", func() bool {
		return !slices.ContainsFunc(all, func(id string) bool {
			s := w.status(id)
			return s != event.StatusCancelled && s != event.StatusReleased
		})
	})
	got := w.got()
	for _, id := range all {
		require.Equal(t, !cancelled[id], slices.Contains(got, id), "%s is %s", id, w.status(id))
	}
	slices.Sort(got)
	require.Len(t, slices.Compact(slices.Clone(got)), len(got))
}
