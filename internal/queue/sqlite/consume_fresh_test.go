package sqlite

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// fresh reads from where on events are fresh in the two groups, as differences to the next number.
func fresh(t *testing.T, q *Queue) (record, dispatch int) {
	t.Helper()
	require.NoError(t, direct(t, q).QueryRowContext(t.Context(),
		"SELECT next_seq - record_fresh, next_seq - dispatch_fresh FROM counters").Scan(&record, &dispatch))
	return record, dispatch
}

func publishMany(t *testing.T, q *Queue, n int, change func(i int, e *event.Event)) []*event.Event {
	t.Helper()
	events := make([]*event.Event, n)
	for i := range events {
		events[i] = testEvent(fmt.Sprint("key-", i))
		change(i, events[i])
	}
	require.NoError(t, q.Publish(t.Context(), events...))
	return events
}

func as(bot string) func(int, *event.Event) { return func(_ int, e *event.Event) { e.Bot = bot } }

// TestFreshBehindMany has a bot's one event behind another bot's thousands, of which a consumer may
// have ten.
func TestFreshBehindMany(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	publishMany(t, q, 3*freshStep, as("busy"))
	last := publishMany(t, q, 1, as("other"))[0]
	opts := queue.SubscribeOptions{Prefetch: 10, Bots: queue.Bots{"busy": 1, "other": 1}}
	c, err := q.Subscribe(t.Context(), queue.Dispatch, opts)
	require.NoError(t, err)
	for busy := 0; ; busy++ {
		d := receiveOne(t, c.(*consumer))
		if d.Event.ID == last.ID {
			return
		}
		require.Less(t, busy, 10)
	}
}

// TestFreshInOrder has the events of few keys be fresh, taken in by the janitor, and waited for.
func TestFreshInOrder(t *testing.T) {
	t.Parallel()
	const keys = 7
	q := newQueue(t, Config{})
	events := publishMany(t, q, freshLeft+freshStep+1, func(i int, e *event.Event) { e.OrderKey = fmt.Sprint(i % keys) })
	require.NoError(t, q.takeIn(t.Context()))
	record, dispatch := fresh(t, q)
	require.Equal(t, len(events), record, "nobody has to look for a bot there")
	require.LessOrEqual(t, dispatch, freshLeft)
	require.Positive(t, dispatch)
	c := subscribe(t, q, queue.Dispatch)
	next := map[string]int{}
	for range 200 {
		d := receiveOne(t, c)
		i := next[d.Event.OrderKey]*keys + int(d.Event.OrderKey[0]-'0')
		require.Equal(t, events[i].ID, d.Event.ID)
		next[d.Event.OrderKey]++
		require.NoError(t, c.Ack(t.Context(), d))
	}
}

// TestFreshIsKept has one group be done with events that are fresh in the other.
func TestFreshIsKept(t *testing.T) {
	t.Parallel()
	for _, first := range []queue.Group{queue.Record, queue.Dispatch} {
		t.Run(string(first), func(t *testing.T) {
			t.Parallel()
			q := newQueue(t, Config{})
			publishMany(t, q, 20, as("bot"))
			require.Len(t, drainGroup(t, q, first), 20)
			require.Equal(t, 20, countEvents(t, q))
			second := map[queue.Group]queue.Group{queue.Record: queue.Dispatch, queue.Dispatch: queue.Record}[first]
			require.Len(t, drainGroup(t, q, second), 20)
			require.Zero(t, countEvents(t, q))
		})
	}
}

// TestDeadOfBothGroups acknowledges at once dead letters of Record and of Dispatch, of events that wait in
// the other group.
func TestDeadOfBothGroups(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	publishMany(t, q, 2, as("bot"))
	record, dispatch := subscribe(t, q, queue.Record), subscribe(t, q, queue.Dispatch)
	first, _ := receiveOne(t, record), receiveOne(t, dispatch)
	second, _ := receiveOne(t, dispatch), receiveOne(t, record)
	require.NotEqual(t, first.Event.ID, second.Event.ID)
	require.NoError(t, record.DeadLetter(t.Context(), first, "refused"))
	require.NoError(t, dispatch.DeadLetter(t.Context(), second, "refused"))
	require.NoError(t, errors.Join(record.Close(), dispatch.Close()))
	dead := subscribe(t, q, queue.Dead)
	require.NoError(t, dead.Ack(t.Context(), receiveOne(t, dead), receiveOne(t, dead)))
	require.Equal(t, map[string]int{second.Event.ID: 1}, drainGroup(t, q, queue.Record))
	require.Equal(t, map[string]int{first.Event.ID: 1}, drainGroup(t, q, queue.Dispatch))
	require.Zero(t, countEvents(t, q))
}

// TestFreshIsThere asks about events that have no delivery yet.
func TestFreshIsThere(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{History: queue.DefaultRetention})
	events := publishMany(t, q, 3, as("bot"))
	gone := testEvent("key-1")
	missing, err := q.Missing(t.Context(), queue.Redelivery{Event: events[1]}, queue.Redelivery{Event: gone})
	require.NoError(t, err)
	require.Len(t, missing, 1)
	require.Equal(t, gone.ID, missing[0].Event.ID)
	activity, err := q.Activity(t.Context())
	require.NoError(t, err)
	require.False(t, activity.Bots["bot"].Oldest.IsZero())
	var records []queue.HistoryRecord
	require.NoError(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, func(r queue.HistoryRecord) error {
		records = append(records, r)
		return nil
	}))
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		require.NoError(t, q.Replay(t.Context(), group, 1, records...))
		requireDepth(t, q, group, 3)
		require.Len(t, drainGroup(t, q, group), 3)
	}
}

// TestFreshOfASpool has a spool's file begin with events that nobody leased.
func TestFreshOfASpool(t *testing.T) {
	t.Parallel()
	f := &SpoolFile{newQueue(t, Config{})}
	waiting, err := f.Waiting(t.Context())
	require.NoError(t, err)
	require.False(t, waiting)
	publishMany(t, f.Queue, 2, as("bot"))
	waiting, err = f.Waiting(t.Context())
	require.NoError(t, err)
	require.True(t, waiting)
	seen := map[queue.Group]int{}
	count := func(group queue.Group, _ *event.Event, _ int64) { seen[group]++ }
	require.NoError(t, f.Each(t.Context(), count))
	require.NoError(t, f.EachDead(t.Context(), count))
	require.Equal(t, map[queue.Group]int{queue.Record: 2, queue.Dispatch: 2}, seen)
}
