package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var listCases = map[string]func(*testing.T, Store){
	"newest first": func(t *testing.T, s Store) {
		add(t, s, Event(2), Event(3), Event(1))
		require.Equal(t, [][]string{{Event(3).ID, Event(2).ID}, {Event(1).ID}}, pages(t, s, store.Query{Limit: 2}))
	},

	"a full last page is the last": func(t *testing.T, s Store) {
		add(t, s, Events(4)...)
		require.Len(t, pages(t, s, store.Query{Limit: 2}), 2)
	},

	"limits are brought into range": func(t *testing.T, s Store) {
		add(t, s, Events(store.MaxLimit+2)...)
		for limit, want := range map[int]int{-1: 1, 0: 1, 1: 1, store.MaxLimit: store.MaxLimit, store.MaxLimit + 1: store.MaxLimit} {
			p := list(t, s, store.Query{Limit: limit})
			require.Len(t, p.Records, want, "limit %d", limit)
			require.NotNil(t, p.Next)
		}
	},

	"equal times": func(t *testing.T, s Store) {
		batch := Events(23)
		want := make([]string, len(batch))
		for i, e := range batch {
			e.Time = start.Add(time.Duration(i/10) * time.Microsecond)
			want[i] = e.ID
		}
		slices.Reverse(want)
		add(t, s, batch...)
		for _, limit := range []int{1, 3, 10, 22, 23} {
			require.Equal(t, want, slices.Concat(pages(t, s, store.Query{Limit: limit})...), "limit %d", limit)
		}
	},

	"events recorded meanwhile": func(t *testing.T, s Store) {
		batch := Events(30)
		add(t, s, batch[:20]...)
		q := store.Query{Limit: 7}
		first := list(t, s, q)
		add(t, s, batch[20:]...)
		late := Event(30)
		late.Time = batch[5].Time
		add(t, s, late)
		q.After = *first.Next
		rest := slices.Concat(pages(t, s, q)...)
		require.Contains(t, rest, late.ID, "older than the position, so still to come")
		rest = slices.DeleteFunc(rest, func(id string) bool { return id == late.ID })
		got := slices.Concat(ids(first), rest)
		slices.Reverse(got)
		require.Equal(t, idsOf(batch[:20], everything), got)
	},

	"positions no page gave": func(t *testing.T, s Store) {
		add(t, s, Events(3)...)
		between := store.Position{Time: Event(1).Time.Add(time.Microsecond), ID: "anything"}
		require.Equal(t, []string{Event(1).ID, Event(0).ID}, ids(list(t, s, store.Query{Limit: 10, After: between})))
		for _, nowhere := range []store.Position{{ID: "\x00"}, {ID: "\xff", Time: start}, {Time: start.AddDate(300_000, 0, 0)}} {
			require.Empty(t, list(t, s, store.Query{Limit: 10, After: nowhere}).Records)
		}
	},

	"oldest first": func(t *testing.T, s Store) {
		add(t, s, Event(2), Event(3), Event(1))
		require.Equal(t, [][]string{{Event(1).ID, Event(2).ID}, {Event(3).ID}}, pages(t, s, store.Query{Limit: 2, Oldest: true}))
	},

	"with the change by which they got their status": func(t *testing.T, s Store) {
		again, once := Event(1), Event(2)
		died := func(e *event.Event, replays, code int) *event.Event {
			c, err := event.NewChange(e, event.Change{
				Status: event.StatusDead, Attempt: 1 + replays, Replays: replays, StatusCode: code,
				At: e.Time.Add(time.Minute), Error: "refused for good", Answer: &event.Answer{Body: []byte("no")},
			})
			require.NoError(t, err)
			return c
		}
		add(t, s, again, once, Event(3))
		add(t, s, died(again, 1, 422), died(again, 0, 410), died(once, 0, 410), change(t, Event(3), event.StatusFailed, 1))
		for _, q := range []store.Query{{Statuses: []event.Status{event.StatusDead}}, {Statuses: []event.Status{event.StatusDead}, Subject: again.Subject}} {
			q.Limit, q.Oldest = 9, true
			records := list(t, s, q).Records
			require.Len(t, records, 2)
			require.Equal(t, 422, records[0].Last.StatusCode)
			require.Equal(t, 1, records[0].Last.Replays)
			require.Equal(t, 410, records[1].Last.StatusCode)
			require.Equal(t, []byte("no"), records[1].Last.Answer.Body)
			require.Nil(t, records[1].Event.Data)
		}
		repeat, err := event.NewRepeat(once, 1, once.Time.Add(time.Hour))
		require.NoError(t, err)
		failed := change(t, Event(3), event.StatusFailed, 2)
		delivered := change(t, Event(4), event.StatusDelivered, 1)
		add(t, s, repeat, failed, Event(4), delivered, change(t, Event(4), event.StatusFailed, 2), Event(5))
		for _, q := range []store.Query{{}, {Bot: once.Bot}, {Type: once.Type}, {Subject: once.Subject}, {Statuses: []event.Status{
			event.StatusAccepted, event.StatusFailed, event.StatusDead, event.StatusDelivered,
		}}} {
			q.Limit, q.Oldest = 9, true
			records := list(t, s, q).Records
			require.Len(t, records, 5)
			for _, r := range records {
				whole := get(t, s, r.Event.ID)
				require.Equal(t, whole.Last, r.Last)
				require.Equal(t, len(whole.Event.Data), r.Size)
			}
			require.Equal(t, []any{422, 410}, []any{records[0].Last.StatusCode, records[1].Last.StatusCode})
			require.Equal(t, []any{2, 1}, []any{records[2].Last.Attempt, records[3].Last.Attempt})
			require.Equal(t, event.StatusDelivered, records[3].Last.Status)
			require.Nil(t, records[4].Last)
		}
	},

	"counts up to a limit": func(t *testing.T, s Store) {
		add(t, s, Events(5)...)
		for n := range 3 {
			add(t, s, change(t, Event(n), event.StatusDead, 1))
		}
		add(t, s, change(t, Event(2), event.StatusDropped, 0))
		for status, want := range map[event.Status]int64{event.StatusDead: 2, event.StatusAccepted: 2, event.StatusDropped: 1, event.StatusExpired: 0} {
			n, err := s.Count(t.Context(), status, 2)
			require.NoError(t, err)
			require.Equal(t, want, n, status)
		}
		n, err := s.Count(t.Context(), event.StatusDead, 1)
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
	},
}

func everything(*event.Event) bool { return true }

func idsOf(events []*event.Event, keep func(*event.Event) bool) []string {
	var all []string
	for _, e := range events {
		if keep(e) {
			all = append(all, e.ID)
		}
	}
	return all
}
