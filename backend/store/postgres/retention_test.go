package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

func listed(t *testing.T, s *postgres.Store, q store.Query) []string {
	t.Helper()
	var ids []string
	q.Limit = store.MaxLimit
	for {
		page, err := s.List(t.Context(), q)
		require.NoError(t, err)
		for _, r := range page.Records {
			ids = append(ids, r.Event.ID)
		}
		if page.Next == nil {
			return ids
		}
		q.After = *page.Next
	}
}

// at returns an event of a user at a time.
func at(id, user string, when time.Time) *event.Event {
	return &event.Event{ID: id, Bot: "demo", Type: "command", Subject: user, OrderKey: user, Time: when, Data: []byte(id)}
}

func change(t testing.TB, e *event.Event, status event.Status, attempt int) *event.Event {
	t.Helper()
	c, err := event.NewChange(e, event.Change{Status: status, Attempt: attempt, At: e.Time.Add(time.Duration(attempt) * time.Second), DurationMS: 5})
	require.NoError(t, err)
	return c
}

func TestRetain(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	old, kept := at("old", "alice", noon), at("kept", "alice", noon.Add(24*time.Hour))
	batch := []*event.Event{old, kept, change(t, old, event.StatusDead, 1), change(t, kept, event.StatusDelivered, 1)}
	require.NoError(t, storetest.Append(t.Context(), s, batch))
	day := store.Day(noon)

	done, err := s.Retain(t.Context(), time.Time{})
	require.NoError(t, err)
	require.Empty(t, done)
	done, err = s.Retain(t.Context(), day.Add(24*time.Hour-1))
	require.NoError(t, err)
	require.Empty(t, done, "the day has not ended before")
	done, err = s.Retain(t.Context(), day.Add(24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, []time.Time{day}, done)

	days, err := s.Days(t.Context())
	require.NoError(t, err)
	require.Equal(t, []time.Time{day.Add(24 * time.Hour)}, days, "days ahead have no entries")
	_, err = s.Get(t.Context(), "old")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, []string{"kept"}, listed(t, s, store.Query{}))
	require.Empty(t, listed(t, s, store.Query{Statuses: []event.Status{event.StatusDead}}))
	user, err := s.User(t.Context(), store.UserQuery{Subject: "alice"})
	require.NoError(t, err)
	require.Equal(t, store.Counts{Accepted: 1, Delivered: 1}, user.Bots[0].Counts)
	requireRebuilt(t, s, url)

	require.NoError(t, storetest.Append(t.Context(), s, batch[:1]), "late ones get their day back")
	require.Equal(t, []string{"kept", "old"}, listed(t, s, store.Query{}))
}

// TestRetainWhileEventsArrive has events of the day that is being dropped: each is there
// as a whole afterwards, or not at all.
func TestRetainWhileEventsArrive(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	source := seeded(t)
	var group errgroup.Group
	group.Go(func() error {
		for range 3 {
			if _, err := s.Retain(t.Context(), noon.Add(24*time.Hour)); err != nil {
				return err
			}
		}
		return nil
	})
	appendAll(t, s, source, life(t, source, 200))
	require.NoError(t, group.Wait())
	requireRebuilt(t, s, url)
}

func TestErase(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	source := seeded(t)
	appendAll(t, s, source, life(t, source, 100))
	before := noon.Add(40 * time.Hour)
	var want int64
	for _, id := range listed(t, s, store.Query{Subject: "alice"}) {
		r, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		if r.Event.Time.Before(before) {
			want++
		}
	}
	done, err := s.Erase(t.Context(), "alice", before, nil)
	require.NoError(t, err)
	require.Equal(t, want, done)
	requireRebuilt(t, s, url)

	late, other, news := at("late", "alice", before.Add(-1)), at("other", "bob", before.Add(-1)), at("news", "alice", before)
	entries, err := storetest.Record(t.Context(), s, []*event.Event{late, other, news, change(t, late, event.StatusDead, 1)})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.NotContains(t, listed(t, s, store.Query{}), "late")
	require.Subset(t, listed(t, s, store.Query{}), []string{"other", "news"})
	for _, id := range listed(t, s, store.Query{Subject: "alice"}) {
		r, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		require.False(t, r.Event.Time.Before(before))
	}
	_, err = s.Erase(t.Context(), "", before, nil)
	require.Error(t, err)
}

func TestLogIsReadInTheOrderOfRecording(t *testing.T) {
	t.Parallel()
	s := migrated(t, testsvc.Postgres(t))
	source := seeded(t)
	recorded := appendAll(t, s, source, life(t, source, 60))
	for _, q := range []store.LogQuery{{Limit: 7}, {Limit: 3, Bot: "bot1"}, {Limit: 5, Subject: "bob"}, {Limit: 9, Subject: "bob", Bot: "bot0", Type: "command", Bodies: true}} {
		want := 0
		for _, e := range recorded {
			if (q.Bot == "" || q.Bot == e.Bot) && (q.Subject == "" || q.Subject == e.Subject) {
				want++
			}
		}
		for {
			entries, err := s.Log(t.Context(), q)
			require.NoError(t, err)
			for _, e := range entries {
				require.True(t, q.After == store.LogPosition{} || q.After.RecordedAt.Before(e.RecordedAt) || q.After.RecordedAt.Equal(e.RecordedAt) && q.After.ID < e.ID)
				require.Equal(t, q.Bodies || e.Ref != "", len(e.Data) > 0)
				require.Equal(t, e.Ref != "", e.IsChange())
				q.After = e.Position()
			}
			if want -= len(entries); len(entries) < q.Limit {
				break
			}
		}
		require.Zero(t, want)
	}
}
