package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var eraseCases = map[string]func(*testing.T, Store){
	"one user, up to a time": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(16))
		requireErased(t, m, s, "u1", start.Add(36*time.Hour))
		requireEqual(t, m, s)
		requireErased(t, m, s, "u1", start.Add(36*time.Hour))
		requireErased(t, m, s, "ü 3", farFuture)
		requireErased(t, m, s, "nobody", farFuture)
		requireEqual(t, m, s)
		require.NotEmpty(t, m.rows)
	},

	"what arrives later is refused": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		events := w.events(14)
		w.record(s, m, events[:len(events)/2])
		requireErased(t, m, s, "u1", start.Add(36*time.Hour))
		w.record(s, m, events)
		requireEqual(t, m, s)
		rebuild(t, m, s)
		requireEqual(t, m, s)
		requireErased(t, m, s, "u1", longAgo)
		w.record(s, m, events)
		requireEqual(t, m, s)
		require.NotEmpty(t, m.user("u1", "", time.Time{}).Bots, "later events are recorded")
	},

	"changes of an event that is not recorded": func(t *testing.T, s Store) {
		e := Event(1)
		add(t, s, change(t, e, event.StatusFailed, 1))
		requireErased(t, modelOf(t, s), s, e.Subject, e.Time.Add(time.Microsecond))
		require.Empty(t, wholeLog(t, s, store.LogQuery{Limit: 9}))
		got, err := Record(t.Context(), s, []*event.Event{e, change(t, e, event.StatusDelivered, 2)})
		require.NoError(t, err)
		require.Empty(t, got)
		_, err = s.Get(t.Context(), e.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
	},

	"changes under another name go with their event": func(t *testing.T, s Store) {
		e, other := Event(1), Event(2)
		other.Subject = "someone"
		c := change(t, e, event.StatusFailed, 1)
		c.Subject = "someone"
		add(t, s, e, c, other)
		_, err := s.Erase(t.Context(), e.Subject, farFuture, nil)
		require.NoError(t, err)
		require.Equal(t, []string{other.ID}, idsOfLog(wholeLog(t, s, store.LogQuery{Limit: 9})))
		requireEqual(t, modelOf(t, s), s)
	},

	"the time itself is not before it": func(t *testing.T, s Store) {
		add(t, s, Events(3)...)
		requireErased(t, modelOf(t, s), s, Event(1).Subject, Event(1).Time)
		require.Equal(t, []string{Event(2).ID, Event(1).ID}, ids(list(t, s, store.Query{Limit: 9})))
	},

	"events of nobody stay": func(t *testing.T, s Store) {
		e := Event(1)
		e.Subject = ""
		add(t, s, e)
		_, _ = s.Erase(t.Context(), "", farFuture, nil) // It may say that this is no user.
		require.Len(t, list(t, s, store.Query{Limit: 9}).Records, 1)
		other := Event(2)
		other.Subject = ""
		add(t, s, other)
		require.Len(t, list(t, s, store.Query{Limit: 9}).Records, 2)
	},

	"hostile names": func(t *testing.T, s Store) {
		add(t, s, Events(3)...)
		for _, subject := range []string{"' or 1=1 --", "%", "user-_", "USER-1", "user-1 "} {
			erased, err := s.Erase(t.Context(), subject, farFuture, nil)
			require.NoError(t, err)
			require.Zero(t, erased, "%q", subject)
		}
		require.Len(t, list(t, s, store.Query{Limit: 9}).Records, 3)
	},

	"in steps that can be stopped": func(t *testing.T, s Store) {
		const many = 700
		events := Events(many)
		for _, e := range events {
			e.Subject = "alice"
		}
		add(t, s, events...)
		enough := errors.New("enough")
		first, err := s.Erase(t.Context(), "alice", farFuture, func(int64) error { return enough })
		require.ErrorIs(t, err, enough)
		require.Positive(t, first)
		var told int64
		rest, err := s.Erase(t.Context(), "alice", farFuture, func(events int64) error {
			told += events
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, rest, told)
		require.EqualValues(t, many, first+rest, "nothing is counted twice")
		require.Empty(t, list(t, s, store.Query{Subject: "alice", Limit: 9}).Records)
	},

	"while events are recorded": func(t *testing.T, s Store) {
		w := newWorld(t)
		events := w.events(10)
		group, ctx := errgroup.WithContext(t.Context())
		group.Go(func() error {
			for _, e := range events {
				if err := Append(ctx, s, []*event.Event{e}); err != nil {
					return err
				}
			}
			return nil
		})
		group.Go(func() error {
			_, err := s.Erase(ctx, "u1", farFuture, nil)
			return err
		})
		require.NoError(t, group.Wait())
		m := modelOf(t, s)
		require.NotContains(t, m.subjects(), "u1")
		requireEqual(t, m, s)
	},
}

func requireErased(t *testing.T, m *model, s Store, subject string, before time.Time) {
	t.Helper()
	want := m.count(func(e store.Entry) bool { return e.Subject == subject && e.Ref == "" && e.EventTime.Before(before) })
	got, err := s.Erase(t.Context(), subject, before, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
	m.erase(subject, before)
}
