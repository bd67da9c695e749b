package kind_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// lately is how long ago the events of these tests were accepted, which are looked for after reconcileAfter.
const lately, reconcileAfter = time.Hour, 15 * time.Minute

// held is a queue that has the events that it is told.
type held struct {
	depths      map[queue.Group]int64
	has         map[string]bool
	err         error
	redelivered []queue.Redelivery
	asked       int
}

func (h *held) Depths(context.Context) (map[queue.Group]int64, error) { return h.depths, h.err }

func (h *held) Missing(_ context.Context, events ...queue.Redelivery) (missing []queue.Redelivery, err error) {
	h.asked += len(events)
	for _, r := range events {
		if !h.has[r.Event.ID] {
			missing = append(missing, r)
		}
	}
	return missing, h.err
}

func (h *held) Redeliver(_ context.Context, events ...queue.Redelivery) error {
	h.redelivered = append(h.redelivered, events...)
	return h.err
}

// reconciler looks at a log and a queue, at times that the test says.
type reconciler struct {
	*place
	t     *testing.T
	queue *held
	kind  kind.Reconcile
	state kind.Checkpoint
	at    time.Time
	log   strings.Builder
}

func newReconciler(t *testing.T) *reconciler {
	t.Helper()
	r := &reconciler{place: openAt(t, t.TempDir()), t: t, queue: &held{has: map[string]bool{}}, at: time.Now()}
	r.kind = kind.Reconcile{
		Reader: r.events, Queue: r.queue, After: reconcileAfter, Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
		Redelivered: prometheus.NewCounter(prometheus.CounterOpts{Name: "redelivered_total", Help: "For the test."}),
	}
	return r
}

// accept records events that were accepted some time ago.
func (r *reconciler) accept(n int, ago time.Duration) []*event.Event {
	r.t.Helper()
	events := make([]*event.Event, n)
	for i := range events {
		id, err := event.NewID("user")
		require.NoError(r.t, err)
		events[i] = &event.Event{
			ID: id, Bot: "demo", Type: "command", Subject: "user", Time: r.at.Add(-ago), VerifiedBy: "jwt",
			ContentType: "application/json", Data: fmt.Appendf(nil, `{"n":%d}`, i),
		}
		events[i].Normalize()
	}
	r.record(events...)
	return events
}

// record records events, no more at once than the role record does.
func (r *reconciler) record(events ...*event.Event) {
	r.t.Helper()
	for batch := range slices.Chunk(events, 1000) {
		_, err := storetest.Record(r.t.Context(), r.events, batch)
		require.NoError(r.t, err)
	}
}

// change records that something happened to an event.
func (r *reconciler) change(about *event.Event, c event.Change) {
	r.t.Helper()
	change, err := event.NewChange(about, c)
	require.NoError(r.t, err)
	r.record(change)
}

// look looks once, some time after the last look.
func (r *reconciler) look(later time.Duration) error {
	r.at = r.at.Add(later)
	return kind.Look(r.t.Context(), r.kind, &r.state, r.at)
}

// redelivered returns the ids of what was redelivered since the last call.
func (r *reconciler) redelivered() (ids []string) {
	for _, again := range r.queue.redelivered {
		ids = append(ids, again.Event.ID)
	}
	r.queue.redelivered = nil
	return ids
}

func TestReconcileRedeliversWhatIsMissedTwice(t *testing.T) {
	t.Parallel()
	r := newReconciler(t)
	waits, lost := r.accept(1, lately)[0], r.accept(1, lately)[0]
	r.accept(1, time.Minute) // Too young to be looked for.
	r.queue.has[waits.ID] = true
	require.NoError(t, r.look(0))
	require.Equal(t, 2, r.queue.asked)
	require.Empty(t, r.redelivered(), "what came of it may be on its way to the log")
	require.NoError(t, r.look(time.Second))
	require.Empty(t, r.redelivered(), "that takes a while")
	require.NoError(t, r.look(5*time.Minute))
	require.Len(t, r.queue.redelivered, 1)
	require.Equal(t, lost.Data, r.queue.redelivered[0].Event.Data)
	require.Equal(t, []string{lost.ID}, r.redelivered())
	require.InDelta(t, 1, testutil.ToFloat64(r.kind.Redelivered), 0)
	require.Contains(t, r.log.String(), lost.ID)
}

// TestReconcileGrows loses an event each time that it is redelivered.
func TestReconcileGrows(t *testing.T) {
	t.Parallel()
	r := newReconciler(t)
	r.accept(1, lately)
	var pauses []time.Duration
	last := r.at
	for range 200 {
		require.NoError(t, r.look(5*time.Minute))
		if len(r.redelivered()) > 0 {
			pauses = append(pauses, r.at.Sub(last).Round(5*time.Minute))
			last = r.at
		}
	}
	require.Equal(t, []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour}, pauses)
}

// TestReconcileLeavesAlone has events that no queue has and that are none to be redelivered.
func TestReconcileLeavesAlone(t *testing.T) {
	t.Parallel()
	for name, happen := range map[string]func(r *reconciler, e *event.Event){
		"delivered meanwhile": func(r *reconciler, e *event.Event) {
			r.change(e, event.Change{Status: event.StatusDelivered, Attempt: 1, At: r.at})
		},
		"dead": func(r *reconciler, e *event.Event) {
			r.change(e, event.Change{Status: event.StatusDead, Attempt: 1, At: r.at})
		},
		"tried meanwhile": func(r *reconciler, e *event.Event) {
			r.change(e, event.Change{Status: event.StatusFailed, Attempt: 1, At: r.at.Add(time.Hour)})
		},
		"erased": func(r *reconciler, e *event.Event) {
			_, err := r.events.Erase(r.t.Context(), e.Subject, r.at, nil)
			require.NoError(r.t, err)
		},
		"the log is behind":          func(r *reconciler, _ *event.Event) { r.queue.depths = map[queue.Group]int64{queue.Record: 1} },
		"the log is far behind":      func(r *reconciler, _ *event.Event) { r.queue.depths = map[queue.Group]int64{queue.Record: 100_000} },
		"a shard is away":            func(r *reconciler, _ *event.Event) { r.queue.depths = map[queue.Group]int64{queue.ParkingLots: 1} },
		"events are where no bot is": func(r *reconciler, _ *event.Event) { r.queue.depths = map[queue.Group]int64{queue.Unrouted: 1} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReconciler(t)
			e := r.accept(1, lately)[0]
			require.NoError(t, r.look(0))
			happen(r, e)
			for range 3 {
				require.NoError(t, r.look(6*time.Minute))
			}
			require.Empty(t, r.redelivered())
		})
	}
}

// TestReconcileStatuses redelivers what was deferred, tried or replayed, under its number.
func TestReconcileStatuses(t *testing.T) {
	t.Parallel()
	r := newReconciler(t)
	deferred, later, tried, replayed := r.accept(1, lately)[0], r.accept(1, lately)[0], r.accept(1, lately)[0], r.accept(1, lately)[0]
	for i, e := range []*event.Event{deferred, later} {
		e.ID += fmt.Sprint(i)
		e.NotBefore = r.at.Add(time.Duration(i) * time.Hour).Add(-30 * time.Minute)
		e.Normalize()
		r.record(e)
	}
	r.change(tried, event.Change{Status: event.StatusFailed, Attempt: 3, At: r.at.Add(-lately / 2)})
	r.change(replayed, event.Change{Status: event.StatusDead, Attempt: 1, At: r.at.Add(-lately)})
	r.change(replayed, event.Change{Status: event.StatusReplayed, Replays: 2, At: r.at.Add(-lately / 2)})
	require.NoError(t, r.look(0))
	require.NoError(t, r.look(5*time.Minute))
	replays := map[string]int{}
	for _, again := range r.queue.redelivered {
		replays[again.Event.ID] = again.Replays
	}
	require.Contains(t, replays, deferred.ID)
	require.NotContains(t, replays, later.ID, "it is not to be delivered yet")
	require.Contains(t, replays, tried.ID)
	require.Equal(t, 2, replays[replayed.ID])
}

// TestReconcileManyLooks finds an event behind thousands that wait.
func TestReconcileManyLooks(t *testing.T) {
	t.Parallel()
	r := newReconciler(t)
	lost := r.accept(1, lately+time.Minute)[0]
	for _, e := range r.accept(5100, lately) {
		r.queue.has[e.ID] = true
	}
	require.NoError(t, r.look(0))
	require.Equal(t, 5000, r.queue.asked)
	for range 3 {
		require.NoError(t, r.look(5*time.Minute))
	}
	require.Equal(t, []string{lost.ID}, r.redelivered())
}

// TestReconcileJob runs as the job of a day, which goes on whatever is unavailable.
func TestReconcileJob(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	r := newReconciler(t)
	r.queue.err = errors.Join(queue.ErrUnavailable)
	r.kind.After = 10 * time.Millisecond
	jobs, err := job.New(job.Config{
		Engine: openAt(t, folder).engine, Kinds: map[string]job.Kind{"reconcile": r.kind}, PollInterval: time.Millisecond,
	})
	require.NoError(t, err)
	made, created, err := jobs.Submit(t.Context(), kind.ReconcileDay(time.Now()))
	require.NoError(t, err)
	require.True(t, created)
	again, created, err := jobs.Submit(t.Context(), kind.ReconcileDay(time.Now()))
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, made.ID, again.ID)
	short, _, err := jobs.Submit(t.Context(), job.Request{
		Kind: "reconcile", Parameters: fmt.Appendf(nil, `{"until":%q}`, time.Now().Add(200*time.Millisecond).Format(time.RFC3339Nano)),
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- jobs.Run(ctx) }()
	require.Eventually(t, func() bool {
		done, err := jobs.Get(t.Context(), short.ID, "")
		require.NoError(t, err)
		return done.Status == job.StatusDone
	}, time.Minute, 5*time.Millisecond)
	day, err := jobs.Get(t.Context(), made.ID, "")
	require.NoError(t, err)
	require.False(t, day.Status.Final())
	stop()
	require.NoError(t, <-ended)
	_, _, err = jobs.Submit(t.Context(), job.Request{Kind: "reconcile", Parameters: []byte(`{}`), Bot: "demo"})
	require.ErrorIs(t, err, job.ErrForbidden)
	var bad *job.ParameterError
	for _, given := range []string{``, `[]`, `{"until":"tomorrow"}`, `{"until":"9999-01-01T00:00:00Z"}`, `{"x":1}`} {
		_, _, err = jobs.Submit(t.Context(), job.Request{Kind: "reconcile", Parameters: []byte(given)})
		require.ErrorAs(t, err, &bad, given)
	}
}

var _ kind.ReconcileQueue = queue.Queue(nil)
