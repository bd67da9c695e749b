package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var statusCases = map[string]func(*testing.T, Store){
	"attempts, oldest first": func(t *testing.T, s Store) {
		e, next := Event(1), start.Add(time.Hour)
		changes := []event.Change{
			{Status: event.StatusFailed, Attempt: 1, At: start.Add(time.Second), DurationMS: 7, StatusCode: 503, Error: "answered 503", NextAttempt: &next},
			{
				Status: event.StatusFailed, Attempt: 2, At: start.Add(2 * time.Second), Error: "refused", NextAttempt: &next,
				Answer: &event.Answer{ContentType: "text/plain", Body: []byte("\x00\xff no, € \\u0000"), Truncated: true},
			},
			{Status: event.StatusDelivered, Attempt: 3, At: start.Add(3 * time.Second), DurationMS: 12, StatusCode: 204},
		}
		for i := range changes {
			c := changes[len(changes)-1-i]
			about, err := event.NewChange(e, c)
			require.NoError(t, err)
			add(t, s, about)
			changes[len(changes)-1-i].EventID, changes[len(changes)-1-i].EventTime, changes[len(changes)-1-i].EventType = e.ID, e.Time, e.Type
		}
		add(t, s, e)
		r := get(t, s, e.ID)
		require.Equal(t, changes, r.Attempts)
		require.Equal(t, 3, r.AttemptCount)
		require.Equal(t, event.StatusDelivered, r.Status)
		require.Equal(t, changes[2].At, r.UpdatedAt)
	},

	"changes before their event": func(t *testing.T, s Store) {
		e := Event(1)
		add(t, s, change(t, e, event.StatusFailed, 1))
		add(t, s, change(t, e, event.StatusDead, 2))
		require.Empty(t, list(t, s, store.Query{Limit: 10}).Records)
		require.Empty(t, list(t, s, store.Query{Limit: 10, Statuses: []event.Status{event.StatusDead}}).Records)
		add(t, s, e)
		r := get(t, s, e.ID)
		require.Equal(t, event.StatusDead, r.Status)
		require.Equal(t, 2, r.AttemptCount)
		require.Equal(t, []string{e.ID}, ids(list(t, s, store.Query{Limit: 10, Statuses: []event.Status{event.StatusDead}})))
	},

	"repeats change no status": func(t *testing.T, s Store) {
		for i, order := range [][3]int{{0, 1, 2}, {1, 0, 2}, {2, 1, 0}} {
			e, want := Event(i), event.StatusAccepted
			if i == 2 {
				e.NotBefore, want = e.Time.Add(time.Minute), event.StatusDeferred
			}
			at := []time.Time{start.Add(time.Minute), start.Add(2 * time.Minute)}
			parts := []*event.Event{e, repeat(t, e, 1, at[0]), repeat(t, e, 2, at[1])}
			for _, n := range order {
				add(t, s, parts[n])
			}
			add(t, s, repeat(t, e, 2, at[1].Add(time.Second))) // There is one second repeat.
			r := get(t, s, e.ID)
			require.Equal(t, want, r.Status, order)
			require.Equal(t, e.Time, r.UpdatedAt)
			require.Equal(t, at, r.Repeats, "oldest first")
			require.Empty(t, r.Attempts)
			require.Contains(t, ids(list(t, s, store.Query{Limit: 10, Statuses: []event.Status{want}})), e.ID)
			add(t, s, change(t, e, event.StatusFailed, 1), repeat(t, e, 3, start.Add(time.Hour)))
			r = get(t, s, e.ID)
			require.Equal(t, event.StatusFailed, r.Status)
			require.Equal(t, 1, r.AttemptCount)
			before, err := store.AsOf(r, at[1])
			require.NoError(t, err)
			require.Equal(t, at, before.Repeats)
		}
	},

	"progress changes no status": func(t *testing.T, s Store) {
		for i, order := range [][3]int{{0, 1, 2}, {1, 0, 2}, {2, 1, 0}} {
			e, at := Event(i), start.Add(time.Minute)
			var parts [3]*event.Event
			parts[0] = e
			for n := 1; n < len(parts); n++ {
				made, err := event.NewProgress(e, 1, 40*n, at.Add(time.Duration(n)*time.Second))
				require.NoError(t, err)
				parts[n] = made
			}
			for _, n := range order {
				add(t, s, parts[n])
			}
			r := get(t, s, e.ID)
			require.Equal(t, event.StatusAccepted, r.Status, order)
			require.Equal(t, e.Time, r.UpdatedAt)
			require.Nil(t, r.Last)
			require.Equal(t, []int{40, 80}, []int{r.Attempts[0].Percent, r.Attempts[1].Percent}, "oldest first")
			listed := list(t, s, store.Query{Limit: 10, Statuses: []event.Status{event.StatusAccepted}})
			require.Contains(t, ids(listed), e.ID)
			add(t, s, change(t, e, event.StatusFailed, 1))
			listed = list(t, s, store.Query{Limit: 10, Statuses: []event.Status{event.StatusFailed}})
			require.Equal(t, event.StatusFailed, listed.Records[slices.Index(ids(listed), e.ID)].Last.Status)
			require.Equal(t, event.StatusFailed, get(t, s, e.ID).Last.Status)
		}
	},

	"what became of a late answer changes no status": func(t *testing.T, s Store) {
		for i, order := range [][3]int{{0, 1, 2}, {2, 1, 0}} {
			e := Event(i)
			news, err := event.NewChange(e, event.Change{
				Status: event.StatusAnswered, Attempt: 1, At: start.Add(time.Hour), Answered: event.AnsweredSent, StatusCode: 204,
			})
			require.NoError(t, err)
			parts := [3]*event.Event{e, change(t, e, event.StatusDelivered, 1), news}
			for _, n := range order {
				add(t, s, parts[n])
			}
			r := get(t, s, e.ID)
			require.Equal(t, event.StatusDelivered, r.Status, order)
			require.Equal(t, event.StatusDelivered, r.Last.Status)
			require.Equal(t, 1, r.AttemptCount)
			require.Len(t, r.Attempts, 2)
			require.Contains(t, []event.Answered{r.Attempts[0].Answered, r.Attempts[1].Answered}, event.AnsweredSent)
		}
	},

	"replayed, and delivered then": func(t *testing.T, s Store) {
		e := Event(1)
		add(t, s, e, change(t, e, event.StatusDead, 3))
		news, err := event.NewReplay(e, 1, start.Add(time.Minute))
		require.NoError(t, err)
		add(t, s, news)
		add(t, s, news)
		require.Equal(t, event.StatusReplayed, get(t, s, e.ID).Status)
		require.Equal(t, []string{e.ID}, ids(list(t, s, store.Query{Limit: 10, Statuses: []event.Status{event.StatusReplayed}})))
		again, err := event.NewChange(e, event.Change{Status: event.StatusFailed, Attempt: 1, Replays: 1, At: start.Add(2 * time.Minute)})
		require.NoError(t, err)
		add(t, s, again)
		require.Equal(t, event.StatusFailed, get(t, s, e.ID).Status)
		add(t, s, change(t, e, event.StatusDelivered, 2))
		r := get(t, s, e.ID)
		require.Equal(t, event.StatusDelivered, r.Status)
		require.Len(t, r.Attempts, 4)
		require.Equal(t, 1, r.Attempts[2].Replays)
	},

	// The dispatcher was killed after it had told, so another one delivered and told once more.
	"told twice": func(t *testing.T, s Store) {
		e := Event(1)
		first := change(t, e, event.StatusDelivered, 1)
		again, err := event.NewChange(e, event.Change{Status: event.StatusDelivered, Attempt: 1, At: first.Time.Add(day), DurationMS: 9})
		require.NoError(t, err)
		m := newModel()
		for _, one := range []*event.Event{e, first, again} {
			add(t, s, one)
			m.append(t, []*event.Event{one})
		}
		requireEqual(t, m, s)
		require.Len(t, get(t, s, e.ID).Attempts, 1)
		counts := store.Counts{Accepted: 1, Delivered: 1}
		require.Equal(t, counts, user(t, s, store.UserQuery{Subject: e.Subject}).Bots[0].Counts)
		minutes, err := s.Stats(t.Context(), store.StatsQuery{Bot: e.Bot, From: e.Time.Add(-day), To: e.Time.Add(2 * day)})
		require.NoError(t, err)
		var all store.Counts
		for _, minute := range minutes {
			all.Add(minute.Counts, 1)
		}
		require.Equal(t, counts, all)
	},

	"changes are not listed": func(t *testing.T, s Store) {
		e := Event(1)
		add(t, s, e, change(t, e, event.StatusFailed, 1), change(t, e, event.StatusDelivered, 2))
		require.Equal(t, []string{e.ID}, ids(list(t, s, store.Query{Limit: 10})))
	},

	"an event that only looks like a change": func(t *testing.T, s Store) {
		e := Event(1)
		add(t, s, e)
		fake := change(t, e, event.StatusDead, 1)
		fake.VerifiedBy = "jwt"
		add(t, s, fake)
		require.Equal(t, event.StatusAccepted, get(t, s, e.ID).Status)
		require.Equal(t, fake, get(t, s, fake.ID).Event)
	},

	"any order, any batches": func(t *testing.T, s Store) {
		source := Random(t)
		for round := range 25 {
			e := Event(round)
			parts := history(t, e, 1+source.IntN(6), func() int { return source.IntN(5) })
			want := expected(t, parts)
			source.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			for rest := parts; len(rest) > 0; {
				n := 1 + source.IntN(len(rest))
				add(t, s, rest[:n]...)
				// What was recorded is redelivered, as when an ack is lost.
				add(t, s, parts[source.IntN(len(parts)-len(rest)+n)])
				rest = rest[n:]
			}
			r := get(t, s, e.ID)
			want.Replays = 0 // Not shown.
			require.Equal(t, want, store.State{Status: r.Status, Attempts: r.AttemptCount, UpdatedAt: r.UpdatedAt}, "round %d", round)
			require.Len(t, r.Attempts, len(parts)-1)
		}
	},
}

func repeat(t *testing.T, e *event.Event, n int, at time.Time) *event.Event {
	t.Helper()
	made, err := event.NewRepeat(e, n, at)
	require.NoError(t, err)
	return made
}

// history returns an event and n changes of it, each with the status that choose picks
// and with attempts that repeat.
func history(t *testing.T, e *event.Event, n int, choose func() int) []*event.Event {
	t.Helper()
	statuses := []event.Status{event.StatusFailed, event.StatusFailed, event.StatusDead, event.StatusDelivered, event.StatusReplayed}
	parts := []*event.Event{e}
	replays := 0
	for i := range n {
		status, attempt := statuses[choose()], 1+i/2
		if status == event.StatusReplayed {
			replays, attempt = replays+1, 0
		}
		about, err := event.NewChange(e, event.Change{Status: status, Attempt: attempt, Replays: replays, At: start.Add(time.Duration(i+1) * time.Second)})
		require.NoError(t, err)
		// The same change, told at another time, is recorded once; which of them is not ours to say.
		if !slices.ContainsFunc(parts, func(e *event.Event) bool { return e.ID == about.ID }) {
			parts = append(parts, about)
		}
	}
	return parts
}

// expected is the status by the rule of [store.State.Merge], which has a table of its own.
func expected(t *testing.T, parts []*event.Event) store.State {
	t.Helper()
	entries, err := Entries(parts)
	require.NoError(t, err)
	all := store.Project(entries)
	require.Len(t, all, 1, fmt.Sprint(all))
	return all[0].State
}
