package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// scheduledEvent is the n-th event, due a number of days later.
func scheduledEvent(n, days int) *event.Event {
	e := Event(n)
	e.Schedule(e.Time.AddDate(0, 0, days))
	return e
}

func turnOf(t *testing.T, about *event.Event, status event.Status, n int) *event.Event {
	t.Helper()
	e, err := event.NewTurn(about, status, n, about.Time.Add(time.Duration(n)*time.Second))
	require.NoError(t, err)
	return e
}

func requireStatus(t *testing.T, s Store, id string, want event.Status) *store.Record {
	t.Helper()
	r := get(t, s, id)
	require.Equal(t, want, r.Status)
	found := list(t, s, store.Query{Limit: store.MaxLimit, Statuses: []event.Status{want}, Oldest: true})
	require.Contains(t, ids(found), id)
	for _, listed := range found.Records {
		if listed.Event.ID == id && want != event.StatusDelivered {
			require.Equal(t, r.Last, listed.Last)
			require.Equal(t, r.Event.IsScheduled(), listed.Event.IsScheduled())
		}
	}
	return r
}

var scheduleCases = map[string]func(*testing.T, Store){
	"from scheduled to delivered": func(t *testing.T, s Store) {
		e := scheduledEvent(1, 3)
		add(t, s, e)
		r := requireStatus(t, s, e.ID, event.StatusScheduled)
		require.True(t, r.Event.IsScheduled())
		require.Equal(t, e.Time, r.Event.Time, "when it is due")
		require.Empty(t, get(t, s, e.ID).Attempts)
		n, err := s.Count(t.Context(), event.StatusScheduled, 9)
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		user, err := s.User(t.Context(), store.UserQuery{Subject: e.Subject})
		require.NoError(t, err)
		require.Empty(t, user.Bots, "it counts once it is released")

		add(t, s, turnOf(t, e, event.StatusDue, 1))
		require.Equal(t, 1, requireStatus(t, s, e.ID, event.StatusDue).Last.Turn)
		add(t, s, turnOf(t, e, event.StatusDue, 2))
		require.Equal(t, 2, requireStatus(t, s, e.ID, event.StatusDue).Last.Turn)
		add(t, s, change(t, e, event.StatusReleased, 0))
		requireStatus(t, s, e.ID, event.StatusReleased)
		user, err = s.User(t.Context(), store.UserQuery{Subject: e.Subject})
		require.NoError(t, err)
		require.Equal(t, store.Counts{Accepted: 1}, user.Bots[0].Counts)
		add(t, s, change(t, e, event.StatusDelivered, 1))
		requireStatus(t, s, e.ID, event.StatusDelivered)
		add(t, s, e, turnOf(t, e, event.StatusDue, 3))
		require.Equal(t, event.StatusDelivered, get(t, s, e.ID).Status, "whatever comes late")
	},

	"what is due comes first, the oldest of it": func(t *testing.T, s Store) {
		add(t, s, scheduledEvent(1, 3), scheduledEvent(2, 1), scheduledEvent(3, 2), Event(4))
		due := list(t, s, store.Query{
			Limit: 9, Oldest: true, Statuses: []event.Status{event.StatusScheduled}, To: start.AddDate(0, 0, 2).Add(time.Hour),
		})
		require.Equal(t, []string{Event(2).ID, Event(3).ID}, ids(due))
	},

	"one of those who decide wins": func(t *testing.T, s Store) {
		for n := range 10 {
			e := scheduledEvent(n, 1)
			add(t, s, e)
			var won atomic.Int32
			group, ctx := errgroup.WithContext(t.Context())
			for i := range 4 {
				decided := turnOf(t, e, []event.Status{event.StatusDue, event.StatusCancelled}[i%2], 1)
				group.Go(func() error {
					fresh, err := Record(ctx, s, []*event.Event{decided})
					won.Add(int32(len(fresh)))
					return err
				})
			}
			require.NoError(t, group.Wait())
			require.Equal(t, int32(1), won.Load())
			r := get(t, s, e.ID)
			require.Len(t, r.Attempts, 1)
			requireStatus(t, s, e.ID, r.Attempts[0].Status)
		}
	},

	"cancelled, and rebuilt": func(t *testing.T, s Store) {
		e, other := scheduledEvent(1, 3), scheduledEvent(2, 3)
		add(t, s, e, turnOf(t, e, event.StatusCancelled, 1), other, turnOf(t, e, event.StatusDue, 1))
		requireStatus(t, s, e.ID, event.StatusCancelled)
		m := modelOf(t, s)
		requireEqual(t, m, s)
		require.NoError(t, s.Corrupt(t.Context()))
		rebuild(t, m, s)
		requireEqual(t, m, s)
		requireStatus(t, s, e.ID, event.StatusCancelled)
		requireStatus(t, s, other.ID, event.StatusScheduled)
	},

	"erased with their user, also those that come late": func(t *testing.T, s Store) {
		soon, late, other := scheduledEvent(1, 1), scheduledEvent(2, 400), scheduledEvent(3, 1)
		other.Subject = "someone"
		now := time.Now()
		for _, e := range []*event.Event{soon, late, other} {
			e.ScheduledAt = now.Add(-time.Hour)
			e.Time = now.Add(time.Hour)
		}
		add(t, s, soon, other)
		erased, err := s.Erase(t.Context(), soon.Subject, time.Now().Add(time.Second), nil)
		require.NoError(t, err)
		require.Equal(t, int64(1), erased)
		add(t, s, late, turnOf(t, soon, event.StatusDue, 1))
		require.Equal(t, []string{other.ID}, idsOfLog(wholeLog(t, s, store.LogQuery{Limit: 9})))
		fresh := scheduledEvent(4, 1)
		fresh.ScheduledAt, fresh.Time = time.Now().Add(time.Minute), time.Now().Add(time.Hour)
		add(t, s, fresh)
		require.Equal(t, event.StatusScheduled, get(t, s, fresh.ID).Status, "accepted after it")
	},

	"kept until the day on which they are due is dropped": func(t *testing.T, s Store) {
		e := scheduledEvent(1, 30)
		add(t, s, e, Event(2))
		_, err := s.Retain(t.Context(), start.AddDate(0, 0, 29))
		require.NoError(t, err)
		require.Equal(t, []string{e.ID}, ids(list(t, s, store.Query{Limit: 9})))
	},
}
