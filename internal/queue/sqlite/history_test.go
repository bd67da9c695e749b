package sqlite

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// historyOf returns the ids of a history.
func historyOf(t *testing.T, q *Queue) []string {
	t.Helper()
	ids := []string{}
	require.NoError(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, func(entry queue.HistoryRecord) error {
		ids = append(ids, entry.Event.ID)
		return nil
	}))
	return ids
}

// accept publishes events and has both groups acknowledge them.
func accept(t *testing.T, q *Queue, n int) []*event.Event {
	t.Helper()
	events := make([]*event.Event, n)
	for i := range events {
		events[i] = testEvent(strconv.Itoa(i)) // Events of one key would be acknowledged one by one.
	}
	require.NoError(t, q.Publish(t.Context(), events...))
	drainGroup(t, q, queue.Record)
	drainGroup(t, q, queue.Dispatch)
	return events
}

func countEvents(t *testing.T, q *Queue) (n int) {
	t.Helper()
	require.NoError(t, direct(t, q).QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&n))
	return n
}

func TestHistoryIsCutByAge(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{History: queue.Retention{MaxAge: time.Hour, MaxBytes: 1 << 30}})
	accept(t, q, 700)
	waiting := testEvent("key")
	require.NoError(t, q.Publish(t.Context(), waiting))
	_, err := direct(t, q).ExecContext(t.Context(), "UPDATE events SET at = at - 7200000000000")
	require.NoError(t, err)
	young := accept(t, q, 1)
	require.NoError(t, q.Publish(t.Context(), waiting), "a repeat")
	require.NoError(t, q.cutHistory(t.Context(), time.Now()))
	require.Equal(t, []string{young[0].ID}, historyOf(t, q))
	require.Equal(t, 1, countEvents(t, q))
}

func TestCuttingLeavesWhatWaits(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{History: queue.Retention{MaxAge: time.Hour, MaxBytes: 1 << 30}})
	e := testEvent("key")
	require.NoError(t, q.Publish(t.Context(), e))
	drainGroup(t, q, queue.Record)
	_, err := direct(t, q).ExecContext(t.Context(), "UPDATE events SET at = 0")
	require.NoError(t, err)
	require.NoError(t, q.cutHistory(t.Context(), time.Now()))
	require.Empty(t, historyOf(t, q))
	require.Equal(t, 1, countEvents(t, q))
	require.Equal(t, map[string]int{e.ID: 1}, drainGroup(t, q, queue.Dispatch))
	require.Zero(t, countEvents(t, q), "the acknowledgement takes along what the history has given up")
}

// A command that was not told how much is kept must not take it out.
func TestGuestCutsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	host := openAt(t, Config{Path: path, History: queue.Retention{MaxAge: 24 * time.Hour, MaxBytes: 1 << 30}})
	accept(t, host, 3)
	_, err := direct(t, host).ExecContext(t.Context(), "UPDATE events SET at = at - 7200000000000")
	require.NoError(t, err)
	for _, keep := range []queue.Retention{{}, {MaxAge: time.Hour, MaxBytes: 1 << 30}} {
		guest := openAt(t, Config{Path: path, History: keep, Guest: true})
		require.NoError(t, guest.cutHistory(t.Context(), time.Now()))
		require.NoError(t, guest.Close())
		require.Len(t, historyOf(t, host), 3)
	}
}

func TestHistorySwitchedOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	q := openAt(t, Config{Path: path, History: queue.DefaultRetention})
	accept(t, q, 600)
	require.Equal(t, 600, countEvents(t, q))
	require.NoError(t, q.Close())

	q = openAt(t, Config{Path: path})
	require.ErrorIs(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, nil), queue.ErrNoHistory)
	require.NoError(t, q.cutHistory(t.Context(), time.Now()))
	require.Zero(t, countEvents(t, q))
	accept(t, q, 3)
	require.Zero(t, countEvents(t, q))
	require.NoError(t, q.Close())

	q = openAt(t, Config{Path: path, History: queue.DefaultRetention})
	again := accept(t, q, 1)
	require.Equal(t, []string{again[0].ID}, historyOf(t, q))
}

// TestReplayOfWhatIsNotThere replays what was cut since it was read, what still waits and
// what has died.
func TestReplayOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{History: queue.DefaultRetention})
	done := accept(t, q, 1)[0]
	dying := testEvent("dying")
	require.NoError(t, q.Publish(t.Context(), dying))
	c := subscribe(t, q, queue.Dispatch)
	d := receiveOne(t, c)
	require.NoError(t, c.DeadLetter(t.Context(), d, "refused"))
	require.NoError(t, c.Close())
	waiting := testEvent("waiting")
	require.NoError(t, q.Publish(t.Context(), waiting))
	drainGroup(t, q, queue.Record)
	var entries []queue.HistoryRecord
	require.NoError(t, q.ReadHistory(t.Context(), queue.HistoryRange{}, func(entry queue.HistoryRecord) error {
		entries = append(entries, entry)
		return nil
	}))
	require.Len(t, entries, 3)
	_, err := direct(t, q).ExecContext(t.Context(), "DELETE FROM events WHERE seq = ?", entries[0].Offset)
	require.NoError(t, err)
	require.NoError(t, q.Replay(t.Context(), queue.Dispatch, 100, entries...))
	requireDepth(t, q, queue.Dead, 0)
	require.Equal(t, map[string]int{done.ID: 1, dying.ID: 1, waiting.ID: 1}, drainGroup(t, q, queue.Dispatch))
	require.Len(t, drainGroup(t, q, queue.Record), 2, "a change reports each replay")
}
