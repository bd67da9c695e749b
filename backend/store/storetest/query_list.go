package storetest

import (
	"slices"
	"strings"
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

	"filters": testFilters,

	"by other attributes": func(t *testing.T, s Store) {
		batch := Events(9)
		for i, e := range batch {
			e.Subject, e.OrderKey, e.VerifiedBy = []string{"anna", "ann", "b%"}[i%3], []string{"ann", "c"}[i%2], []string{"jwt", "github"}[i%2]
		}
		add(t, s, batch...)
		for i, e := range batch {
			add(t, s, change(t, e, []event.Status{event.StatusDead, event.StatusDelivered}[i/2%2], 1))
		}
		for _, statuses := range [][]event.Status{nil, {event.StatusDead}, {event.StatusDelivered}} {
			for _, q := range []store.Query{
				{VerifiedBy: "jwt"},
				{OrderKey: "ann"},
				{OrderKey: "an"},
				{Search: "ann"},
				{Search: "anna"},
				{Search: "b%"},
				{Search: "%"},
				{Search: "_"},
				{Search: batch[0].ID[:35]},
				{Search: batch[3].ID},
				{Search: "0"},
				{Search: "c", VerifiedBy: "github"},
				{Search: "ä\u20ac"},
				{Search: "\x00"},
			} {
				want := idsOf(batch, func(e *event.Event) bool {
					return (q.VerifiedBy == "" || q.VerifiedBy == e.VerifiedBy) && (q.OrderKey == "" || q.OrderKey == e.OrderKey) &&
						(strings.HasPrefix(e.ID, q.Search) || strings.HasPrefix(e.Subject, q.Search) || e.OrderKey == q.Search) &&
						(statuses == nil || slices.Contains(statuses, get(t, s, e.ID).Status))
				})
				q.Statuses, q.Oldest, q.Limit = statuses, true, 2
				require.Equal(t, want, slices.Clip(append([]string(nil), slices.Concat(pages(t, s, q)...)...)), "%+v", q)
			}
		}
	},

	"a page ends where enough was looked through": func(t *testing.T, s Store) {
		batch := Events(60)
		for i, e := range batch {
			e.Time = start.Add(time.Duration(i/4) * time.Microsecond) // Four of each time.
			if i%7 == 0 {
				e.Bot = "rare"
			}
		}
		add(t, s, batch...)
		for i, e := range batch {
			add(t, s, change(t, e, []event.Status{event.StatusDead, event.StatusFailed, event.StatusDelivered}[i%3], 1))
		}
		all := []event.Status{event.StatusDead, event.StatusFailed, event.StatusDelivered}
		for _, statuses := range [][]event.Status{{event.StatusDead}, {event.StatusFailed, event.StatusDead}, {event.StatusDelivered}, all} {
			for _, oldest := range []bool{false, true} {
				q := store.Query{Bot: "rare", Statuses: statuses, Scan: 4, Limit: 4, Oldest: oldest}
				var want []string
				for i, e := range batch {
					if e.Bot == "rare" && slices.Contains(statuses, all[i%3]) {
						want = append(want, e.ID)
					}
				}
				if !oldest {
					slices.Reverse(want)
				}
				got := pages(t, s, q)
				require.Equal(t, want, slices.Concat(got...), "%+v", q)
				for _, page := range got {
					require.LessOrEqual(t, len(page), q.Limit)
				}
				if len(statuses) == 1 {
					require.Greater(t, len(got), (len(want)+q.Limit-1)/q.Limit, "none was looked through in one go")
				}
				q.From, q.To = start.Add(3*time.Microsecond), start.Add(9*time.Microsecond)
				want = slices.DeleteFunc(want, func(id string) bool {
					at := get(t, s, id).Event.Time
					return at.Before(q.From) || !at.Before(q.To)
				})
				require.Equal(t, want, slices.Concat(pages(t, s, q)...), "%+v", q)
			}
		}
	},

	"windows": func(t *testing.T, s Store) {
		batch := Events(6)
		for i, e := range batch {
			e.Time = start.Add(time.Duration(i/2) * time.Microsecond) // Two of each time.
		}
		add(t, s, batch...)
		for i, e := range batch {
			add(t, s, change(t, e, []event.Status{event.StatusDead, event.StatusDelivered, event.StatusFailed}[i%3], 1))
		}
		for _, statuses := range [][]event.Status{nil, {event.StatusDead}, {event.StatusFailed, event.StatusDead}, {event.StatusDead, event.StatusDelivered}} {
			for from := range 2 {
				for to := from; to < 3; to++ {
					q := store.Query{Statuses: statuses, From: start.Add(time.Duration(from) * time.Microsecond), To: start.Add(time.Duration(to) * time.Microsecond)}
					requireWindow(t, s, q, batch)
					q.Bot = batch[0].Bot
					requireWindow(t, s, q, batch)
				}
			}
			requireWindow(t, s, store.Query{Statuses: statuses, From: start.Add(time.Microsecond)}, batch)
			requireWindow(t, s, store.Query{Statuses: statuses, To: start.Add(time.Microsecond)}, batch)
		}
	},

	"several statuses": func(t *testing.T, s Store) {
		batch := Events(24)
		add(t, s, batch...)
		statuses := []event.Status{event.StatusAccepted, event.StatusFailed, event.StatusDead, event.StatusDelivered}
		for i, e := range batch {
			if st := statuses[i%4]; st != event.StatusAccepted {
				add(t, s, change(t, e, st, 1))
			}
		}
		for mask := 1; mask < 16; mask++ {
			var wanted []event.Status
			for i, st := range statuses {
				if mask>>i&1 == 1 {
					wanted = append(wanted, st)
				}
			}
			for _, limit := range []int{1, 4, 7} {
				for _, oldest := range []bool{false, true} {
					var want []string
					for i, e := range batch {
						if slices.Contains(wanted, statuses[i%4]) {
							want = append(want, e.ID)
						}
					}
					if !oldest {
						slices.Reverse(want)
					}
					got := pages(t, s, store.Query{Statuses: wanted, Oldest: oldest, Limit: limit})
					require.Equal(t, slices.Collect(slices.Chunk(want, limit)), got, "%v, %d", wanted, limit)
				}
			}
		}
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

// testFilters compares every combination of filters with a plain loop over the events.
func testFilters(t *testing.T, s Store) {
	bots, subjects, types := []string{"a", "b"}, []string{"", "u1", "u2"}, []string{"command", "github.push"}
	statuses := []event.Status{event.StatusAccepted, event.StatusFailed, event.StatusDelivered, event.StatusDead}
	source := Random(t)
	batch, changes, status := Events(80), []*event.Event(nil), map[string]event.Status{}
	for _, e := range batch {
		e.Bot, e.Subject, e.Type = pick(source.IntN, bots), pick(source.IntN, subjects), pick(source.IntN, types)
		status[e.ID] = pick(source.IntN, statuses)
		if status[e.ID] != event.StatusAccepted {
			changes = append(changes, change(t, e, status[e.ID], 1))
		}
	}
	add(t, s, batch...)
	add(t, s, changes...)
	slices.Reverse(batch)
	for _, bot := range []string{"", "a", "none"} {
		for _, subject := range []string{"", "u1", "\x00"} {
			for _, kind := range []string{"", "command"} {
				for _, st := range append(statuses, "", "unheard-of") {
					q := store.Query{Bot: bot, Subject: subject, Type: kind, Limit: 20}
					if st != "" {
						q.Statuses = []event.Status{st}
					}
					want := idsOf(batch, func(e *event.Event) bool {
						return (bot == "" || bot == e.Bot) && (subject == "" || subject == e.Subject) &&
							(kind == "" || kind == e.Type) && (st == "" || st == status[e.ID])
					})
					got := slices.Concat(pages(t, s, q)...)
					require.Equal(t, want, slices.Clip(append([]string(nil), got...)), "%+v", q)
					slices.Reverse(want)
					q.Oldest = true
					got = slices.Concat(pages(t, s, q)...)
					require.Equal(t, want, slices.Clip(append([]string(nil), got...)), "%+v", q)
				}
			}
		}
	}
}

// requireWindow compares both orders, in pages of any size, with a plain loop over events of which the
// i-th has the i-th status of dead, delivered and failed in turn.
func requireWindow(t *testing.T, s Store, q store.Query, batch []*event.Event) {
	t.Helper()
	var want []string
	for i, e := range batch {
		status := []event.Status{event.StatusDead, event.StatusDelivered, event.StatusFailed}[i%3]
		if !e.Time.Before(q.From) && (q.To.IsZero() || e.Time.Before(q.To)) && (len(q.Statuses) == 0 || slices.Contains(q.Statuses, status)) {
			want = append(want, e.ID)
		}
	}
	for _, oldest := range []bool{true, false} {
		for _, limit := range []int{2, 9} {
			q.Oldest, q.Limit = oldest, limit
			require.Equal(t, want, slices.Clip(append([]string(nil), slices.Concat(pages(t, s, q)...)...)), "%+v", q)
		}
		slices.Reverse(want)
	}
}

func pick[T any](intN func(int) int, of []T) T { return of[intN(len(of))] }
