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

const day = 24 * time.Hour

var logCases = map[string]func(*testing.T, Store){
	"a repeat of another day is recorded once": func(t *testing.T, s Store) {
		first, repeat := Event(1), Event(1)
		repeat.Time = first.Time.Add(day)
		m := newModel()
		for i, e := range []*event.Event{first, repeat} {
			got, err := Record(t.Context(), s, []*event.Event{e, change(t, e, event.StatusFailed, 1+i)})
			require.NoError(t, err)
			want := m.append(t, []*event.Event{first})
			require.Len(t, got, len(want)+1)
			for _, entry := range got {
				require.Equal(t, first.Time, entry.EventTime)
			}
		}
		r := get(t, s, first.ID)
		require.Equal(t, first, r.Event)
		require.Len(t, r.Attempts, 2, "those of both, in one place")
		require.Equal(t, []string{first.ID}, ids(list(t, s, store.Query{Limit: 9})))
		days, err := s.Days(t.Context())
		require.NoError(t, err)
		require.Equal(t, []time.Time{store.Day(first.Time)}, days)
	},

	"the time that a change tells first is the event's": func(t *testing.T, s Store) {
		e, claimed := Event(1), Event(1)
		claimed.Time = e.Time.Add(-day)
		m := newModel()
		for _, one := range []*event.Event{change(t, claimed, event.StatusFailed, 1), e, change(t, e, event.StatusDelivered, 2)} {
			got, err := Record(t.Context(), s, []*event.Event{one})
			require.NoError(t, err)
			require.Equal(t, m.append(t, []*event.Event{one}), unrecorded(got))
		}
		require.Equal(t, claimed.Time, get(t, s, e.ID).Event.Time)
		require.Equal(t, e, Event(1), "the caller's event is left alone")
		requireEqual(t, m, s)
	},

	"deferred": func(t *testing.T, s Store) {
		e := Event(1)
		e.NotBefore = e.Time.Add(time.Minute)
		add(t, s, e)
		r := get(t, s, e.ID)
		require.Equal(t, e, r.Event)
		require.Equal(t, event.StatusDeferred, r.Status)
		require.Equal(t, []string{e.ID}, ids(list(t, s, store.Query{Limit: 9, Statuses: []event.Status{event.StatusDeferred}})))
		require.Empty(t, list(t, s, store.Query{Limit: 9, Statuses: []event.Status{event.StatusAccepted}}).Records)
		add(t, s, change(t, e, event.StatusExpired, 1))
		require.Equal(t, event.StatusExpired, get(t, s, e.ID).Status)
		require.Empty(t, list(t, s, store.Query{Limit: 9, Statuses: []event.Status{event.StatusDeferred}}).Records)
		require.Equal(t, []string{e.ID}, ids(list(t, s, store.Query{Limit: 9, Statuses: []event.Status{event.StatusExpired}, Bot: e.Bot})))
		require.Equal(t, []store.UserBot{{Bot: e.Bot, Counts: store.Counts{Accepted: 1, Deferred: 1, Expired: 1}, First: e.Time, Last: e.Time}},
			user(t, s, store.UserQuery{Subject: e.Subject}).Bots)
	},

	"times before 1970": func(t *testing.T, s Store) {
		e := Event(1)
		e.Time = time.Date(1969, 12, 31, 23, 59, 59, 1000, time.UTC)
		m := newModel()
		for _, one := range []*event.Event{e, change(t, e, event.StatusDelivered, 1)} {
			add(t, s, one)
			m.append(t, []*event.Event{one})
		}
		require.Equal(t, m.user(e.Subject, "", time.Time{}), user(t, s, store.UserQuery{Subject: e.Subject}))
		days, err := s.Days(t.Context())
		require.NoError(t, err)
		require.Equal(t, []time.Time{store.Day(e.Time)}, days)
		require.Equal(t, m.record(t, e.ID).Event, get(t, s, e.ID).Event)
	},

	"everything, in any order and any batches": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(16))
		requireEqual(t, m, s)
	},
}

var userCases = map[string]func(*testing.T, Store){
	"by what their names begin with": func(t *testing.T, s Store) {
		names := []string{"", "a", "al", "alice", "alice b", "Alice", "bob", "b%", "ä", "\U0010ffff"}
		for i, name := range names {
			for day := range 3 {
				e := Event(i*3 + day)
				e.Subject, e.Bot, e.Time = name, []string{"demo", "other"}[i%2], start.AddDate(0, 0, day)
				add(t, s, e)
			}
		}
		for _, prefix := range []string{"", "a", "al", "alice ", "A", "b%", "_", "ä", "\U0010ffff", "\x00", "\xff"} {
			for _, bot := range []string{"", "demo", "nobody", "\x00"} {
				for _, limit := range []int{1, 2, 50} {
					var want, got []string
					for i, name := range names {
						if name != "" && strings.HasPrefix(name, prefix) && (bot == "" || bot == []string{"demo", "other"}[i%2]) {
							want = append(want, name)
						}
					}
					slices.Sort(want)
					for q := (store.UsersQuery{Prefix: prefix, Bot: bot, Limit: limit}); ; {
						page, err := s.Users(t.Context(), q)
						require.NoError(t, err)
						require.LessOrEqual(t, len(page.Users), limit)
						got = append(got, page.Users...)
						if q.After = page.Next; q.After == "" {
							break
						}
					}
					require.Equal(t, want, got, "%q at %q", prefix, bot)
				}
			}
		}
	},

	"at a time, from the log": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(12))
		for range 40 {
			at := start.Add(time.Duration(w.IntN(4*24*60)) * time.Minute)
			if w.IntN(2) == 0 && len(m.rows) > 0 {
				at = pick(w.IntN, m.rows).Time
			}
			subject, bot := pick(w.IntN, []string{"u1", "u2", "ü 3"}), pick(w.IntN, []string{"", "a", "b"})
			require.Equal(t, m.user(subject, bot, at), user(t, s, store.UserQuery{Subject: subject, Bot: bot, At: at}), "%s at %s", subject, at)
			require.Equal(t, m.user(subject, bot, time.Time{}), user(t, s, store.UserQuery{Subject: subject, Bot: bot}))
		}
	},

	"nobody": func(t *testing.T, s Store) {
		e := Event(1)
		e.Subject = ""
		add(t, s, e)
		for _, subject := range []string{"nobody", "", "\x00", "\xff", "' or 1=1 --"} {
			require.Equal(t, &store.User{Subject: subject}, user(t, s, store.UserQuery{Subject: subject}), "%q", subject)
			require.Equal(t, &store.User{Subject: subject}, user(t, s, store.UserQuery{Subject: subject, At: farFuture}), "%q", subject)
		}
		require.Empty(t, user(t, s, store.UserQuery{Subject: "user-1", Bot: "\x00", At: start.AddDate(300_000, 0, 0)}).Bots)
	},
}

var statsCases = map[string]func(*testing.T, Store){
	"ranges": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(12))
		for range 40 {
			from := start.Add(time.Duration(w.IntN(3*24*60)) * time.Minute).Truncate(time.Minute)
			q := store.StatsQuery{Bot: pick(w.IntN, []string{"", "a", "b"}), From: from, To: from.Add(time.Duration(w.IntN(24*60)) * time.Minute)}
			require.Equal(t, m.stats(q), stats(t, s, q), "%+v", q)
			q.Step = pick(w.IntN, []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour, 90 * time.Second})
			require.Equal(t, m.stats(q), stats(t, s, q), "%+v", q)
		}
	},

	"durations": func(t *testing.T, s Store) {
		e := Event(1)
		add(t, s, e)
		for i, d := range append(store.BucketEdges(), time.Hour) {
			for n, status := range []event.Status{event.StatusFailed, event.StatusDead, event.StatusDelivered, event.StatusExpired, event.StatusReplayed} {
				c, err := event.NewChange(e, event.Change{Status: status, Attempt: n + 1, Replays: i, At: e.Time.Add(d), DurationMS: d.Milliseconds() + 1})
				require.NoError(t, err)
				add(t, s, c)
			}
		}
		var sum store.Activity
		for _, minute := range stats(t, s, store.StatsQuery{Bot: e.Bot, From: longAgo, To: farFuture}) {
			sum.Add(minute.Activity, 1)
		}
		require.Equal(t, store.Buckets{0, 3, 3, 3, 3, 3, 3, 3, 3, 6}, sum.Took, "each is a millisecond longer than an edge")
		require.Equal(t, store.Buckets{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, sum.Waited)
	},

	"the end of a range is not in it": func(t *testing.T, s Store) {
		e := Event(1)
		e.Time = start.Truncate(time.Minute)
		add(t, s, e)
		require.Len(t, stats(t, s, store.StatsQuery{From: e.Time, To: e.Time.Add(time.Minute)}), 1)
		require.Empty(t, stats(t, s, store.StatsQuery{From: e.Time.Add(-time.Minute), To: e.Time}))
		require.Empty(t, stats(t, s, store.StatsQuery{From: e.Time.Add(time.Minute), To: e.Time}))
		require.Empty(t, stats(t, s, store.StatsQuery{Bot: "\x00", From: longAgo, To: farFuture}))
	},
}

var logOrderCases = map[string]func(*testing.T, Store){
	"in the order of recording": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		var order [][]string
		for _, batch := range slices.Collect(slices.Chunk(w.events(12), 7)) {
			got, err := Record(t.Context(), s, batch)
			require.NoError(t, err)
			m.append(t, batch)
			var batchIDs []string
			for _, e := range got {
				batchIDs = append(batchIDs, e.ID)
			}
			slices.Sort(batchIDs)
			order = append(order, batchIDs)
		}
		want := slices.Concat(order...)
		for _, limit := range []int{1, 3, store.MaxLogLimit} {
			require.Equal(t, want, idsOfLog(wholeLog(t, s, store.LogQuery{Limit: limit})), "limit %d", limit)
		}
	},

	"filters, and from anywhere": func(t *testing.T, s Store) {
		w, m := newWorld(t), newModel()
		w.record(s, m, w.events(12))
		all := wholeLog(t, s, store.LogQuery{Limit: 100, Bodies: true})
		for range 60 {
			q := store.LogQuery{
				Bot: pick(w.IntN, []string{"", "a", "none"}), Subject: pick(w.IntN, []string{"", "u1", "ü 3", "\x00"}),
				Type: pick(w.IntN, []string{"", "command"}), Limit: 1 + w.IntN(30), Bodies: w.IntN(2) == 0,
			}
			rest := all
			if from := w.IntN(len(all)); from > 0 {
				q.After, rest = all[from-1].Position(), all[from:]
			}
			require.Equal(t, filtered(rest, q), wholeLog(t, s, q), "%+v", q)
		}
	},

	"limits are brought into range": func(t *testing.T, s Store) {
		add(t, s, Events(3)...)
		for limit, want := range map[int]int{-1: 1, 0: 1, 2: 2, store.MaxLogLimit + 1: 3} {
			entries, err := s.Log(t.Context(), store.LogQuery{Limit: limit})
			require.NoError(t, err)
			require.Len(t, entries, want, "limit %d", limit)
		}
	},

	"positions no entry has": func(t *testing.T, s Store) {
		add(t, s, Events(3)...)
		for _, after := range []store.LogPosition{{RecordedAt: farFuture}, {RecordedAt: start.AddDate(300_000, 0, 0), ID: "x"}} {
			entries, err := s.Log(t.Context(), store.LogQuery{After: after, Limit: 9})
			require.NoError(t, err)
			require.Empty(t, entries)
		}
		require.Len(t, wholeLog(t, s, store.LogQuery{After: store.LogPosition{RecordedAt: longAgo, ID: "x"}, Limit: 9}), 3)
	},

	"what is recorded later comes later": func(t *testing.T, s Store) {
		add(t, s, Events(3)...)
		position := wholeLog(t, s, store.LogQuery{Limit: 9})[2].Position()
		old := Event(9)
		old.Time = longAgo
		add(t, s, old, Event(1))
		require.Equal(t, []string{old.ID}, idsOfLog(wholeLog(t, s, store.LogQuery{After: position, Limit: 9})))
	},
}

func idsOfLog(entries []store.Entry) []string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.ID
	}
	return all
}

// filtered is a log query as a loop. Changes always have their bodies.
func filtered(entries []store.Entry, q store.LogQuery) []store.Entry {
	var all []store.Entry
	for _, e := range entries {
		if q.Bot != "" && q.Bot != e.Bot || q.Subject != "" && q.Subject != e.Subject || q.Type != "" && q.Type != e.EventType {
			continue
		}
		if !q.Bodies && e.Ref == "" {
			bare := *e.Event
			bare.Data = nil
			e.Event = &bare
		}
		all = append(all, e)
	}
	return all
}
