package cron_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
	"github.com/botgate/botgate/backend/schedule/cron"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
)

// world is a database, a queue and a clock that several processes share.
type world struct {
	t  *testing.T
	db sqldb.DB

	mu  sync.Mutex
	now time.Time
	// log has the events by their ids, as the log does; published is how often each came.
	log       map[string]*event.Event
	published int
	refuse    func(*event.Event) error
}

// processes runs a test with processes on each kind of database, at a time.
func processes(t *testing.T, now string, test func(t *testing.T, w *world)) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		at, err := time.Parse(time.RFC3339, now)
		require.NoError(t, err)
		w := &world{t: t, db: fresh(t)(t), now: at.UTC(), log: map[string]*event.Event{}}
		tables.Migrated(t, w.db)
		test(t, w)
	})
}

func (w *world) publish(ctx context.Context, events ...*event.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		if err := e.Validate(); err != nil {
			return err
		}
		if w.refuse != nil {
			if err := w.refuse(e); err != nil {
				return err
			}
		}
	}
	for _, e := range events {
		w.published++
		if first, known := w.log[e.ID]; known && !first.Time.Equal(e.Time) {
			return fmt.Errorf("%s has two times", e.ID)
		}
		w.log[e.ID] = e
	}
	return ctx.Err()
}

// process is one with the role jobs, and the schedules of a bot.
func (w *world) process(set bots.TimedSet) *cron.Scheduler {
	w.t.Helper()
	s, err := cron.New(cron.Config{Marks: cron.NewMarks(w.db, nil), Publish: w.publish, Now: w.clock})
	require.NoError(w.t, err)
	require.NoError(w.t, s.Set(set))
	return s
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// after lets time pass, at once, and has the processes look then, at once.
func (w *world) after(d time.Duration, all ...*cron.Scheduler) {
	w.t.Helper()
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
	var group sync.WaitGroup
	for _, s := range all {
		group.Go(func() {
			if err := s.Pass(w.t.Context()); err != nil {
				w.t.Errorf("a pass: %v", err)
			}
		})
	}
	group.Wait()
}

// begin has processes see their schedules for the first time.
func (w *world) begin(all ...*cron.Scheduler) {
	w.t.Helper()
	w.after(0, all...)
	w.after(time.Second, all...)
}

// fired are the instants at which events came, as "name 15:04", in their order.
func (w *world) fired() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range slices.SortedFunc(maps.Values(w.log), func(a, b *event.Event) int { return a.Time.Compare(b.Time) }) {
		all = append(all, e.Type+e.Time.Format(" 15:04"))
	}
	return all
}

// schedules are those of a bot, by their names, which are the types of their events.
func schedules(bot string, crons map[string]string) bots.TimedSet {
	var all []bots.Schedule
	for name, text := range crons {
		all = append(all, bots.Schedule{Name: name, Cron: text, TZ: "UTC", Type: name, Data: `{"n":1}`})
	}
	return bots.TimedSet{bot: {Schedules: all}}
}

func TestFiresOnce(t *testing.T) {
	processes(t, "2026-03-01T08:59:50Z", func(t *testing.T, w *world) {
		set := schedules("demo", map[string]string{"nine": "0 9 * * *", "ten": "0 10 * * *"})
		a, b, c := w.process(set), w.process(set), w.process(set)
		w.begin(a, b, c)
		require.Empty(t, w.fired(), "nothing of the past")
		for range 12 {
			w.after(time.Second, a, b, c)
		}
		require.Equal(t, []string{"nine 09:00"}, w.fired())
		w.after(2*time.Hour, c)
		require.Equal(t, []string{"nine 09:00", "ten 10:00"}, w.fired())
		before := w.published
		w.after(time.Second, a, b, c)
		require.Equal(t, before, w.published, "the mark says that it was")
	})
}

func TestTheEvent(t *testing.T) {
	processes(t, "2026-03-01T08:59:50Z", func(t *testing.T, w *world) {
		a := w.process(schedules("demo", map[string]string{"nine": "0 9 * * *"}))
		w.begin(a)
		w.after(time.Minute, a)
		require.Len(t, w.log, 1)
		nine := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		for id, e := range w.log {
			require.Equal(t, &event.Event{
				ID: id, Bot: "demo", Type: "nine", Time: nine, ScheduledAt: nine, OrderKey: "/schedules/nine", VerifiedBy: "botgate",
				ContentType: "application/json", Data: []byte(`{"n":1}`),
			}, e)
			require.True(t, e.IsScheduled() && !e.ForBot() && !e.IsChange())
		}
	})
}

// TestMissed has nobody look for hours: the last instant is made up for.
func TestMissed(t *testing.T) {
	processes(t, "2026-03-01T08:30:00Z", func(t *testing.T, w *world) {
		set := schedules("demo", map[string]string{"hourly": "0 * * * *", "nine": "0 9 * * *", "yearly": "0 0 1 1 *"})
		a := w.process(set)
		w.begin(a)
		w.after(50*time.Hour, w.process(set), a)
		require.Equal(t, []string{"nine 09:00", "hourly 10:00"}, w.fired())
	})
}

// TestKilledBeforeTheMark has a process publish and no more: another one publishes the same event.
func TestKilledBeforeTheMark(t *testing.T) {
	processes(t, "2026-03-01T08:59:50Z", func(t *testing.T, w *world) {
		set := schedules("demo", map[string]string{"nine": "0 9 * * *"})
		a := w.process(set)
		w.begin(a)
		killed := errors.New("killed")
		w.refuse = func(e *event.Event) error {
			w.log[e.ID] = e
			return killed
		}
		w.now = w.now.Add(time.Minute)
		require.ErrorIs(t, a.Pass(t.Context()), killed)
		w.refuse = nil
		w.after(10*time.Second, w.process(set), a)
		require.Equal(t, []string{"nine 09:00"}, w.fired())
		require.Positive(t, w.published)
	})
}

// TestChanged has a rule change, and change back: neither fires the past.
func TestChanged(t *testing.T) {
	processes(t, "2026-03-01T08:00:00Z", func(t *testing.T, w *world) {
		early, late := schedules("demo", map[string]string{"x": "0 9 * * *"}), schedules("demo", map[string]string{"x": "30 8 * * *"})
		a := w.process(early)
		w.begin(a)
		w.after(50*time.Minute, a)
		require.NoError(t, a.Set(late))
		w.begin(a)
		require.Empty(t, w.fired(), "08:30 was before the change")
		for range 30 { // 09:20
			w.after(time.Minute, a)
		}
		require.Empty(t, w.fired())
		require.NoError(t, a.Set(early))
		w.begin(a)
		require.Empty(t, w.fired(), "09:00 was while it was another one")
		require.NoError(t, a.Set(schedules("demo", map[string]string{"x": "0 9 * * *", "y": "*/30 * * * *"})))
		w.begin(a)
		w.after(10*time.Minute, a)
		require.Equal(t, []string{"y 09:30"}, w.fired())
		w.after(24*time.Hour, a)
		require.Contains(t, w.fired(), "x 09:00")
	})
}

// TestComesBack has the only schedule taken out, for a moment and for longer, and be put back.
func TestComesBack(t *testing.T) {
	processes(t, "2026-03-01T07:00:00Z", func(t *testing.T, w *world) {
		set := schedules("demo", map[string]string{"x": "0 9 * * *"})
		a := w.process(set)
		w.begin(a)
		away := func(minutes int) {
			require.NoError(t, a.Set(bots.TimedSet{}))
			for range minutes {
				w.after(time.Minute, a)
			}
			require.NoError(t, a.Set(set))
			w.begin(a)
		}
		w.after(118*time.Minute, a) // 08:58
		away(5)
		require.Equal(t, []string{"x 09:00"}, w.fired(), "as if it had been there")
		w.after(23*time.Hour+50*time.Minute, a) // 08:53 of the next day
		away(20)
		require.Len(t, w.fired(), 1, "it is new")
	})
}

// TestClockFarAhead has a process whose clock is a year ahead set the marks, and go: the others go on before a year is over.
func TestClockFarAhead(t *testing.T) {
	processes(t, "2026-03-01T08:00:00Z", func(t *testing.T, w *world) {
		set := schedules("demo", map[string]string{"x": "*/30 * * * *"})
		a, wrong := w.process(set), w.process(set)
		w.begin(a)
		w.after(365*24*time.Hour, wrong)
		w.after(-365*24*time.Hour, a)
		for range 61 {
			w.after(time.Minute, a)
		}
		require.Subset(t, w.fired(), []string{"x 08:30", "x 09:00"})
	})
}

// TestFilesDiffer has one process know the change before the other one: each schedule fires all the same.
func TestFilesDiffer(t *testing.T) {
	processes(t, "2026-03-01T08:59:50Z", func(t *testing.T, w *world) {
		a, b := w.process(schedules("demo", map[string]string{"x": "0 9 * * *"})), w.process(schedules("demo", map[string]string{"x": "1 9 * * *", "y": "1 9 * * *"}))
		w.begin(a, b)
		for range 20 {
			w.after(10*time.Second, a, b)
		}
		require.ElementsMatch(t, []string{"x 09:00", "x 09:01", "y 09:01"}, w.fired())
	})
}

// TestOneBotFails does not keep the others from theirs.
func TestOneBotFails(t *testing.T) {
	processes(t, "2026-03-01T08:59:50Z", func(t *testing.T, w *world) {
		set := schedules("demo", map[string]string{"good": "0 9 * * *"})
		many := map[string]string{}
		for n := range 100 {
			many[fmt.Sprint("bad", n)] = "0 9 * * *"
		}
		set["other"] = schedules("other", many)["other"]
		a := w.process(set)
		w.begin(a)
		w.refuse = func(e *event.Event) error {
			if e.Bot == "other" {
				return errors.New("refused")
			}
			return nil
		}
		w.now = w.now.Add(time.Minute)
		require.ErrorContains(t, a.Pass(t.Context()), "bot other: publishing what is due: refused")
		require.Equal(t, []string{"good 09:00"}, w.fired())
		w.refuse = nil
		w.after(time.Second, a)
		require.Len(t, w.fired(), 101)
	})
}

func TestHealth(t *testing.T) {
	processes(t, "2026-03-01T08:59:50Z", func(t *testing.T, w *world) {
		reg := prometheus.NewRegistry()
		away := cron.NewMarks(w.db, nil)
		s, err := cron.New(cron.Config{Marks: away, Publish: w.publish, Registerer: reg})
		require.NoError(t, err)
		require.Error(t, s.Healthy())
		require.ErrorContains(t, s.Set(schedules("demo", map[string]string{"x": "never"})), "bot demo: schedule x: cron")
		require.NoError(t, s.Set(schedules("demo", map[string]string{"x": "0 9 * * *", "y": "0 9 * * *"})))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		await := func(why string, ok func() bool) { require.Eventually(t, ok, time.Minute, 5*time.Millisecond, why) }
		await("healthy", func() bool { return s.Healthy() == nil })
		n, err := testutil.GatherAndCount(reg, "botgate_cron_schedules", "botgate_cron_fired_total")
		require.NoError(t, err)
		require.Equal(t, 2, n)
		_, err = w.db.Writer.ExecContext(t.Context(), "drop table schedules")
		require.NoError(t, err)
		require.NoError(t, s.Set(schedules("demo", map[string]string{"z": "0 9 * * *"})))
		await("it says so", func() bool { return errors.Is(s.Healthy(), cron.ErrUnavailable) })
		cancel()
		require.NoError(t, <-ended)
		require.ErrorContains(t, s.Healthy(), "not running")
	})
}
