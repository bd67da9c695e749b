package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

// way returns the entries of an event that failed once and was then delivered, the latter
// on the next day.
func way(t *testing.T, id, user string, at time.Time) []store.Entry {
	t.Helper()
	e := &event.Event{ID: id, Bot: "demo", Type: "command", Subject: user, Time: at, OrderKey: "k"}
	failed, err := event.NewChange(e, event.Change{Status: event.StatusFailed, Attempt: 1, At: at.Add(time.Second), DurationMS: 20})
	require.NoError(t, err)
	delivered, err := event.NewChange(e, event.Change{Status: event.StatusDelivered, Attempt: 2, At: at.Add(24 * time.Hour), DurationMS: 5})
	require.NoError(t, err)
	entries, err := storetest.Entries([]*event.Event{delivered, e, failed})
	require.NoError(t, err)
	return entries
}

func TestEntriesOfAnEventStandTogether(t *testing.T) {
	t.Parallel()
	for _, e := range way(t, "a", "alice", noon) {
		require.Equal(t, noon, e.EventTime)
		require.Equal(t, event.BucketOfID("a"), e.Bucket)
		require.Equal(t, "a", e.About())
	}
}

func TestCountUsers(t *testing.T) {
	t.Parallel()
	entries := append(way(t, "a", "alice", noon), way(t, "b", "bob", noon)...)
	entries = append(entries, way(t, "c", "alice", noon.Add(time.Minute))...)
	entries = append(entries, way(t, "d", "alice", noon.Add(24*time.Hour))...)
	entries = append(entries, way(t, "e", "", noon)...)
	one := store.Counts{Accepted: 1, Failed: 1, Delivered: 1}
	day, next := store.Day(noon), store.Day(noon).Add(24*time.Hour)
	require.Equal(t, []store.UserCount{
		{"alice", "demo", day, store.Counts{Accepted: 2, Failed: 2, Delivered: 2}, noon, noon.Add(time.Minute)},
		{"alice", "demo", next, one, noon.Add(24 * time.Hour), noon.Add(24 * time.Hour)},
		{"bob", "demo", day, one, noon, noon},
	}, store.CountUsers(entries))
}

func TestCountBots(t *testing.T) {
	t.Parallel()
	day := store.Day(noon)
	require.Equal(t, []store.BotCount{
		{"demo", noon, day, store.Activity{
			Counts: store.Counts{Accepted: 2, Failed: 2}, Duration: 40 * time.Millisecond, Took: store.Buckets{0, 2},
		}},
		{"demo", noon.Add(24 * time.Hour), day, store.Activity{
			Counts: store.Counts{Delivered: 2}, Duration: 10 * time.Millisecond, Took: store.Buckets{2}, Waited: store.Buckets{9: 2},
		}},
	}, store.CountBots(append(way(t, "a", "alice", noon), way(t, "b", "bob", noon)...)))
}

func TestEachStatusIsCountedAndKept(t *testing.T) {
	t.Parallel()
	var all store.Counts
	for _, status := range event.Statuses() {
		counts := store.CountsOf(status)
		require.Equal(t, slices.Contains(store.Uncounted(), status), counts == store.Counts{}, status)
		all.Add(counts, 1)
		require.Equal(t, status, store.StatusOf(store.Code(status)))
	}
	require.Equal(t, store.Counts{Accepted: 3, Deferred: 1, Delivered: 1, Failed: 1, Dead: 1, Expired: 1, Replayed: 1, Dropped: 1}, all)
	all.Add(all, -1)
	require.Zero(t, all)
	require.Zero(t, store.CountsOf("lost"))
	for _, field := range all.Columns() {
		*field.(*int64)++
	}
	require.Equal(t, store.Counts{Accepted: 1, Deferred: 1, Delivered: 1, Failed: 1, Dead: 1, Expired: 1, Replayed: 1, Dropped: 1}, all)
}

func TestAnEventThatWaitsForALimitIsDeferred(t *testing.T) {
	t.Parallel()
	e := &event.Event{ID: "a", Bot: "demo", Type: "command", Time: noon, NotBefore: noon.Add(time.Second)}
	entries, err := storetest.Entries([]*event.Event{e})
	require.NoError(t, err)
	require.Equal(t, event.StatusDeferred, entries[0].State.Status)
}
