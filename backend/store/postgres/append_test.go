package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestAnIDIsUniqueAcrossDays has an event accepted again on other days, as by a gateway
// that did not remember its key.
func TestAnIDIsUniqueAcrossDays(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	first := at("a", "alice", noon)
	require.NoError(t, storetest.Append(t.Context(), s, []*event.Event{first}))
	for days := -2; days < 3; days++ {
		again := at("a", "alice", noon.Add(time.Duration(days)*24*time.Hour))
		again.NotBefore = again.Time.Add(time.Hour)
		entries, err := storetest.Record(t.Context(), s, []*event.Event{again})
		require.NoError(t, err)
		require.Empty(t, entries)
		failed := change(t, again, event.StatusFailed, days+3)
		entries, err = storetest.Record(t.Context(), s, []*event.Event{failed})
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, noon, entries[0].EventTime, "that which was claimed first")
	}
	r, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, first, r.Event)
	require.Len(t, r.Attempts, 5)
	require.Equal(t, []string{"a"}, listed(t, s, store.Query{}))
	days, err := s.Days(t.Context())
	require.NoError(t, err)
	require.Equal(t, []time.Time{store.Day(noon)}, days)
	requireRebuilt(t, s, url)
}

// TestOneIDAtManyTimesAtOnce has many writers, none of which knows the day.
func TestOneIDAtManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	newly := make(chan int, 200)
	var group errgroup.Group
	for w := range 20 {
		group.Go(func() error {
			batch := make([]*event.Event, 0, 20)
			for i := range 20 {
				batch = append(batch, at(fmt.Sprintf("event-%d", (i+w)%20), "alice", noon.Add(time.Duration(w*i)*time.Hour)))
			}
			entries, err := storetest.Record(t.Context(), s, batch)
			newly <- len(entries)
			return err
		})
	}
	require.NoError(t, group.Wait())
	close(newly)
	sum := 0
	for n := range newly {
		sum += n
	}
	require.Equal(t, 20, sum)
	require.Len(t, listed(t, s, store.Query{}), 20)
	requireRebuilt(t, s, url)
}

// TestALargeBatchThatIsThereInPart has more than a copy takes: what is there already, of another day
// and of a day without a partition is recorded once.
func TestALargeBatchThatIsThereInPart(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	batch := func(from, to int, day time.Duration) []*event.Event {
		var all []*event.Event
		for n := from; n < to; n++ {
			e := at(fmt.Sprintf("event-%04d", n), fmt.Sprintf("user-%d", n%7), noon.Add(day+time.Duration(n)*time.Second))
			all = append(all, e, change(t, e, event.StatusDelivered, 1))
		}
		return all
	}
	all := batch(0, 1000, 0)
	for _, part := range []struct {
		events []*event.Event
		newly  int
	}{
		{batch(0, 500, 0), 1000},
		{batch(0, 500, 0), 0},
		{batch(400, 900, 0), 800},
		{append(batch(850, 950, 24*time.Hour), batch(950, 1000, 0)...), 2 * 100},
		{all, 0},
	} {
		entries, err := storetest.Record(t.Context(), s, part.events)
		require.NoError(t, err)
		require.Equal(t, part.newly, len(entries)) //nolint:testifylint // It would print all of them.
	}
	page, err := s.List(t.Context(), store.Query{Limit: 200, Statuses: []event.Status{event.StatusAccepted}})
	require.NoError(t, err)
	require.Empty(t, page.Records, "each is delivered")
	requireRebuilt(t, s, url)
}
