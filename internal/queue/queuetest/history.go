package queuetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var historyCases = []testCase{
	{"shows what was accepted, as it went in and in order", historyShows},
	{"outlasts acknowledgements and restarts", historyOutlasts},
	{"has a repeat once", historyRepeats},
	{"has no reports", historyReports},
	{"ends with what was there at the beginning", historyEnds},
	{"begins at a time", historySince},
	{"resumes behind an offset", historyAfter},
	{"stops at an error of show", historyStops},
	{"knows its own offsets", historyOffsets},
	{"replays to Record only", replayRecord},
	{"replays to Dispatch in order, anew in each run", replayDispatch},
	{"replays what its consumer has just acknowledged", replayAcknowledged},
	{"replays nothing where it does not belong", replayElsewhere},
}

// history reads what the history has of this test's bot.
func (e *env) history(q queue.Queue, r queue.HistoryRange) []queue.HistoryRecord {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	var records []queue.HistoryRecord
	require.NoError(e.t, q.ReadHistory(ctx, r, func(record queue.HistoryRecord) error {
		if record.Event.Bot == e.bot {
			records = append(records, record)
		}
		return nil
	}))
	return records
}

func (e *env) replayHistory(group queue.Group, replayID int, records ...queue.HistoryRecord) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	require.NoError(e.t, e.q.Replay(ctx, group, replayID, records...))
}

func recordIDs(records []queue.HistoryRecord) []string {
	ids := make([]string, len(records))
	for i, record := range records {
		ids[i] = record.Event.ID
	}
	return ids
}

// historyReports has a report of a gateway go to Record, and nowhere else.
func historyReports(t *testing.T, e *env) {
	sent := e.event("key")
	report := e.change(sent)
	report.ID, report.Type = "report-"+sent.ID[:8], event.TypeReport
	require.True(t, report.IsReport())
	e.publish(e.q, report)
	e.publish(e.q, sent)
	require.Equal(t, []string{sent.ID}, recordIDs(e.history(e.q, queue.HistoryRange{})))
	e.depth(e.q, queue.Record, 2)
	e.depth(e.q, queue.Dispatch, 1)
}

func historyShows(t *testing.T, e *env) {
	require.Empty(t, e.history(e.q, queue.HistoryRange{}))
	bare, binary, large := e.event("key"), e.event("key"), e.event("key")
	bare.Subject, bare.ContentType, bare.VerifiedBy, bare.Data = "", "", "", nil
	binary.Data, binary.OrderKey, binary.Subject = []byte{0, 0xff, '"', '\n', 0x80}, "канал; \"7\"", "Zoë <zoe@example.com>"
	binary.NotBefore = binary.Time.Add(time.Minute)
	large.Data = make([]byte, 1<<20)
	sent := []*event.Event{e.event("key"), bare, binary, large}
	sent = append(sent, e.change(sent[0]))
	for _, ev := range sent {
		e.publish(e.q, ev)
	}
	records := e.history(e.q, queue.HistoryRange{})
	require.Equal(t, idsOf(sent), recordIDs(records))
	for i, record := range records {
		requireSame(t, sent[i], record.Event)
	}
	e.depth(e.q, queue.Record, int64(len(sent)))
}

func historyOutlasts(t *testing.T, e *env) {
	sent := e.events(20, "key")
	e.publish(e.q, sent...)
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		_, err := e.empty(t.Context(), group)
		require.NoError(t, err)
	}
	other := e.open()
	require.Equal(t, idsOf(sent), recordIDs(e.history(other, queue.HistoryRange{})))
}

func historyRepeats(t *testing.T, e *env) {
	ev := e.event("key")
	e.publish(e.q, ev, ev)
	e.publish(e.q, ev)
	require.Equal(t, []string{ev.ID}, recordIDs(e.history(e.q, queue.HistoryRange{})))
}

func historyEnds(t *testing.T, e *env) {
	sent := e.events(3, "key")
	e.publish(e.q, sent...)
	var shown []string
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, e.q.ReadHistory(ctx, queue.HistoryRange{}, func(record queue.HistoryRecord) error {
		if record.Event.Bot == e.bot {
			shown = append(shown, record.Event.ID)
			e.publish(e.q, e.event("key"))
		}
		return nil
	}))
	require.Equal(t, idsOf(sent), shown)
	require.Len(t, e.history(e.q, queue.HistoryRange{}), 6)
}

func historySince(t *testing.T, e *env) {
	start := time.Now()
	old := e.event("key")
	e.publish(e.q, old)
	// An engine may know the time to a second only.
	var since time.Time
	require.Eventually(t, func() bool {
		since = time.Now()
		return since.Sub(start) > 2100*time.Millisecond
	}, patience, tick)
	e.publish(e.q, e.event("key"))
	all := e.history(e.q, queue.HistoryRange{})
	require.Len(t, all, 2)
	require.Equal(t, recordIDs(all), recordIDs(e.history(e.q, queue.HistoryRange{Since: start})))
	require.Equal(t, recordIDs(all), recordIDs(e.history(e.q, queue.HistoryRange{Since: start.Add(-240 * time.Hour)})))
	require.Equal(t, recordIDs(all[1:]), recordIDs(e.history(e.q, queue.HistoryRange{Since: since})))
	require.Empty(t, e.history(e.q, queue.HistoryRange{Since: time.Now().Add(time.Hour)}))
}

func historyAfter(t *testing.T, e *env) {
	e.publish(e.q, e.events(300, "key")...)
	all := e.history(e.q, queue.HistoryRange{})
	require.Len(t, all, 300)
	for _, i := range []int{0, 120, 298} {
		rest := e.history(e.q, queue.HistoryRange{After: all[i].Offset})
		require.Equal(t, recordIDs(all[i+1:]), recordIDs(rest))
	}
	require.Empty(t, e.history(e.q, queue.HistoryRange{After: all[299].Offset}))
	require.Equal(t, recordIDs(all[1:]), recordIDs(e.history(e.q, queue.HistoryRange{After: all[0].Offset, Since: time.Now().Add(time.Hour)})))
}

func historyStops(t *testing.T, e *env) {
	e.publish(e.q, e.events(3, "key")...)
	stop := errors.New("stop")
	seen := 0
	err := e.q.ReadHistory(t.Context(), queue.HistoryRange{}, func(queue.HistoryRecord) error {
		seen++
		return stop
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, seen)

	ctx, cancel := context.WithCancel(t.Context())
	err = e.q.ReadHistory(ctx, queue.HistoryRange{}, func(queue.HistoryRecord) error {
		cancel()
		return ctx.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, e.q.ReadHistory(ctx, queue.HistoryRange{}, func(queue.HistoryRecord) error { return nil }), context.Canceled)
}

func historyOffsets(t *testing.T, e *env) {
	for _, offset := range []string{"x", "-1", "1.5", "99999999999999999999"} {
		err := e.q.ReadHistory(t.Context(), queue.HistoryRange{After: offset}, func(queue.HistoryRecord) error { return nil })
		require.ErrorIs(t, err, queue.ErrOffset, offset)
	}
}

func replayRecord(t *testing.T, e *env) {
	first := e.event("key")
	sent := []*event.Event{first, e.event("key"), e.change(first)}
	e.publish(e.q, sent...)
	e.drain()
	all := e.history(e.q, queue.HistoryRange{})
	e.replayHistory(queue.Record, 100, all...)
	e.replayHistory(queue.Record, 100)
	e.depth(e.q, queue.Dispatch, 0)
	c := e.subscribe(e.q, queue.Record)
	ds := c.take(3)
	require.ElementsMatch(t, idsOf(sent), deliveredIDs(ds))
	for _, d := range ds {
		require.Equal(t, 1, d.Attempt)
	}
	activity, err := e.q.Activity(t.Context())
	require.NoError(t, err)
	require.True(t, activity.Oldest[queue.Record].IsZero(), "a replay waits only since it was asked for")
	c.ack(ds...)
	c.none()
	require.Equal(t, recordIDs(all), recordIDs(e.history(e.q, queue.HistoryRange{})), "a replay makes no history")
}

func replayDispatch(t *testing.T, e *env) {
	sent := e.events(10, "key")
	e.publish(e.q, sent...)
	e.drain()
	all := e.history(e.q, queue.HistoryRange{})
	c := e.subscribe(e.q, queue.Dispatch)
	for run := range 2 {
		e.replayHistory(queue.Dispatch, 100+run, all...)
		for _, want := range sent {
			d := c.one()
			require.Equal(t, want.ID, d.Event.ID)
			requireSame(t, want, d.Event)
			require.Equal(t, 100+run, d.Replays)
			require.Equal(t, 1, d.Attempt)
			c.ack(d)
		}
	}
	// New events come after that, as ever.
	last := e.event("key")
	e.publish(e.q, last)
	d := c.one()
	require.Equal(t, last.ID, d.Event.ID)
	c.ack(d)
	c.none()
	c.close()
	e.requireTold(sent, 100, 101)
}

// requireTold demands that Record gets a change for each event and run, and the last event.
func (e *env) requireTold(events []*event.Event, runs ...int) {
	e.t.Helper()
	changes := map[string]int{}
	c := e.subscribe(e.q, queue.Record)
	ds := c.take(len(events)*len(runs) + 1)
	for _, d := range ds {
		if d.Event.IsChange() {
			change, err := event.ParseChange(d.Event)
			require.NoError(e.t, err)
			require.Equal(e.t, event.StatusReplayed, change.Status)
			changes[fmt.Sprint(change.EventID, " ", change.Replays)]++
		}
	}
	c.ack(ds...)
	c.none()
	for _, ev := range events {
		for _, run := range runs {
			require.Equal(e.t, 1, changes[fmt.Sprint(ev.ID, " ", run)])
		}
	}
}

func replayAcknowledged(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		ev := e.event("key-" + string(group))
		c := e.subscribe(e.q, group)
		e.publish(e.q, ev)
		d := c.one()
		require.Equal(t, ev.ID, d.Event.ID)
		c.ack(d)
		records := e.history(e.q, queue.HistoryRange{})
		e.replayHistory(group, 100, records[len(records)-1])
		d = c.one()
		require.Equal(t, ev.ID, d.Event.ID)
		// It can die and be acknowledged like any other.
		c.deadLetter(d, "enough")
		c.none()
		c.close()
		e.drain()
	}
}

func replayElsewhere(t *testing.T, e *env) {
	ev := e.event("key")
	e.publish(e.q, ev, e.change(ev))
	e.drain()
	all := e.history(e.q, queue.HistoryRange{})
	for group, record := range map[queue.Group]queue.HistoryRecord{queue.Dispatch: all[1], queue.Dead: all[0], "other": all[0]} {
		require.ErrorIs(t, e.q.Replay(t.Context(), group, 100, record), queue.ErrInvalid)
	}
	e.depth(e.q, queue.Dispatch, 0)
}
