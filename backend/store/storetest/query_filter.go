package storetest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var filterCases = map[string]func(*testing.T, Store){
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

	"by what bodies have in them": func(t *testing.T, s Store) {
		batch := Events(40)
		for i, e := range batch {
			e.Data = []byte([]string{`{"order":"4711"}`, "4711%_", "\x00\xff4711\x00", `{"order":"ä€"}`, ""}[i%5])
			if i%2 == 1 {
				e.Bot = "other"
			}
		}
		add(t, s, batch...)
		for i, e := range batch {
			add(t, s, change(t, e, []event.Status{event.StatusDead, event.StatusDelivered}[i/2%2], 1))
		}
		for _, statuses := range [][]event.Status{nil, {event.StatusDead}, {event.StatusDelivered}} {
			for _, text := range []string{"4711", `"order"`, "%_", "ä€", "missing"} {
				for _, bot := range []string{"", "other"} {
					q := store.Query{Body: text, Bot: bot, Statuses: statuses, Limit: 3, Scan: 4, Oldest: true}
					want := idsOf(batch, func(e *event.Event) bool {
						return bytes.Contains(e.Data, []byte(text)) && (bot == "" || e.Bot == bot) &&
							(statuses == nil || slices.Contains(statuses, get(t, s, e.ID).Status))
					})
					require.Equal(t, want, slices.Clip(append([]string(nil), slices.Concat(pages(t, s, q)...)...)), "%+v", q)
				}
			}
		}
	},
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
