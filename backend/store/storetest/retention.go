package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var retainCases = map[string]func(*testing.T, Store){
	"whole days, with all that belongs to their events": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(14))
		days := m.days()
		require.Equal(t, days, daysOf(t, s))
		end := days[1].Add(day)
		for _, before := range []time.Time{end.Add(-time.Microsecond), end, end.Add(12 * time.Hour)} {
			var want []time.Time
			for _, d := range m.days() {
				if !d.Add(day).After(before) {
					want = append(want, d)
				}
			}
			got, err := s.Retain(t.Context(), before)
			require.NoError(t, err)
			// A day may be among them that has no events: those that came for it were there at another time.
			require.Subset(t, got, want)
			for _, d := range got {
				require.False(t, d.Add(day).After(before), d)
			}
			m.remove(func(e store.Entry) bool { return !store.Day(e.EventTime).Add(day).After(before) })
			requireEqual(t, m, s)
			require.Equal(t, m.days(), daysOf(t, s))
		}
		require.NotEmpty(t, m.rows)
	},

	"the zero time drops nothing": func(t *testing.T, s Store) {
		add(t, s, Events(3)...)
		got, err := s.Retain(t.Context(), time.Time{})
		require.NoError(t, err)
		require.Empty(t, got)
		require.Len(t, list(t, s, store.Query{Limit: 9}).Records, 3)
	},

	"late entries of a day that was dropped": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		events := w.events(10)
		w.record(s, m, events)
		for range 2 {
			_, err := s.Retain(t.Context(), farFuture)
			require.NoError(t, err)
			m.remove(func(store.Entry) bool { return true })
			requireEqual(t, m, s)
			w.record(s, m, events)
			requireEqual(t, m, s)
		}
	},
}

var rebuildCases = map[string]func(*testing.T, Store){
	"gives the same": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(14))
		rebuild(t, m, s)
		requireEqual(t, m, s)
		w.record(s, m, w.events(10))
		requireEqual(t, m, s)
	},

	"mends what is wrong": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(10))
		require.NoError(t, s.Corrupt(t.Context()))
		require.NotEqual(t, m.user("u1", "", time.Time{}), user(t, s, store.UserQuery{Subject: "u1"}), "it is spoiled")
		rebuild(t, m, s)
		requireEqual(t, m, s)
	},

	"one day leaves the others alone": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(10))
		_, err := s.Rebuild(t.Context(), m.days()[1].Add(7*time.Hour))
		require.NoError(t, err)
		requireEqual(t, m, s)
	},

	"a day without entries": func(t *testing.T, s Store) {
		add(t, s, Events(3)...)
		n, err := s.Rebuild(t.Context(), start.Add(10*day))
		require.NoError(t, err)
		require.Zero(t, n)
		require.Len(t, list(t, s, store.Query{Limit: 9}).Records, 3)
	},

	"while events are recorded": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		events := w.events(10)
		w.record(s, m, events[:10])
		days := m.days()
		group, ctx := errgroup.WithContext(t.Context())
		for _, part := range [][]*event.Event{events[10 : len(events)/2], events[len(events)/2:]} {
			group.Go(func() error {
				for _, e := range part {
					if err := Append(ctx, s, []*event.Event{e}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		group.Go(func() error {
			for range 3 {
				for _, d := range days {
					if _, err := s.Rebuild(ctx, d); err != nil {
						return err
					}
				}
			}
			return nil
		})
		require.NoError(t, group.Wait())
		requireEqual(t, modelOf(t, s), s)
	},
}

// rebuild rebuilds all read models.
func rebuild(t *testing.T, m *model, s Store) {
	t.Helper()
	for _, d := range daysOf(t, s) {
		n, err := s.Rebuild(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, m.count(func(e store.Entry) bool { return store.Day(e.EventTime).Equal(d) }), n)
	}
}

func daysOf(t *testing.T, s Store) []time.Time {
	t.Helper()
	days, err := s.Days(t.Context())
	require.NoError(t, err)
	return orNil(days)
}
