package storetest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// model is a store in memory, of rows without read models.
type model struct {
	rows []store.Entry
	// times are those that events have in the log, by id.
	times  map[string]time.Time
	erased map[string]time.Time
}

func newModel() *model { return &model{times: map[string]time.Time{}, erased: map[string]time.Time{}} }

// append returns what is new.
func (m *model) append(t *testing.T, events []*event.Event) []store.Entry {
	t.Helper()
	entries, err := Entries(events)
	require.NoError(t, err)
	recorded := make([]store.Entry, 0, len(entries))
	for _, e := range entries {
		if e.EventTime.Before(m.erased[e.Subject]) {
			continue
		}
		if at, known := m.times[e.About()]; known {
			e = moved(e, at)
		}
		m.times[e.About()] = e.EventTime
		if !slices.ContainsFunc(m.rows, func(r store.Entry) bool { return r.ID == e.ID && r.EventTime.Equal(e.EventTime) }) {
			m.rows = append(m.rows, e)
			recorded = append(recorded, e)
		}
	}
	return recorded
}

// moved is the entry at the time that its event has in the log.
func moved(e store.Entry, at time.Time) store.Entry {
	e.EventTime = at
	if e.Ref == "" {
		accepted := *e.Event
		accepted.Time, e.State.UpdatedAt = at, at
		e.Event = &accepted
	}
	return e
}

// remove removes rows, and forgets events of which nothing is left.
func (m *model) remove(gone func(store.Entry) bool) {
	m.rows = slices.DeleteFunc(m.rows, gone)
	m.times = map[string]time.Time{}
	for _, r := range m.rows {
		m.times[r.About()] = r.EventTime
	}
}

func (m *model) erase(subject string, before time.Time) {
	if before.After(m.erased[subject]) {
		m.erased[subject] = before
	}
	m.remove(func(e store.Entry) bool { return e.Subject == subject && e.AcceptedAt().Before(before) })
}

// days are those of the events, oldest first.
func (m *model) days() []time.Time {
	var all []time.Time
	for _, e := range m.rows {
		all = append(all, store.Day(e.EventTime))
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.Compact(all)
}

// count counts the rows for which there is a yes.
func (m *model) count(yes func(store.Entry) bool) int64 {
	var n int64
	for _, e := range m.rows {
		if yes(e) {
			n++
		}
	}
	return n
}

// modelOf makes a model of a log, from which the expected read models follow.
func modelOf(t *testing.T, s Store) *model {
	t.Helper()
	m := newModel()
	m.rows = unrecorded(wholeLog(t, s, store.LogQuery{Limit: store.MaxLogLimit, Bodies: true}))
	return m
}

func (m *model) subjects() []string {
	return m.distinct(func(e store.Entry) string { return e.Subject })
}
func (m *model) bots() []string { return m.distinct(func(e store.Entry) string { return e.Bot }) }

func (m *model) distinct(of func(store.Entry) string) []string {
	var all []string
	for _, e := range m.rows {
		all = append(all, of(e))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// events are the ids of the recorded events, newest first.
func (m *model) events() []string {
	var all []store.Entry
	for _, e := range m.rows {
		if e.Ref == "" {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b store.Entry) int {
		return cmp.Or(b.EventTime.Compare(a.EventTime), cmp.Compare(b.ID, a.ID))
	})
	ids := make([]string, len(all))
	for i, e := range all {
		ids[i] = e.ID
	}
	return ids
}

// record is what Get is to return, but for the time of recording.
func (m *model) record(t *testing.T, id string) *store.Record {
	t.Helper()
	r := &store.Record{}
	var changes []store.Entry
	var state store.State
	for _, e := range m.rows {
		if e.About() != id {
			continue
		}
		if state = state.Merge(e.State); e.Ref == "" {
			r.Event = e.Event
		} else {
			changes = append(changes, e)
		}
	}
	slices.SortFunc(changes, func(a, b store.Entry) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	bodies := make([][]byte, len(changes))
	for i, c := range changes {
		bodies[i] = c.Data
	}
	var err error
	r.Attempts, r.Repeats, err = store.ParseChanges(bodies)
	require.NoError(t, err)
	if r.Last = store.Last(r.Attempts); r.Last != nil {
		require.Equal(t, state.Status, r.Last.Status)
	}
	r.Size = len(r.Event.Data)
	r.Status, r.AttemptCount, r.Replays, r.UpdatedAt = state.Status, state.Attempts, state.Replays, state.UpdatedAt
	return r
}

// user is what User is to return; the zero time asks for now.
func (m *model) user(subject, bot string, at time.Time) *store.User {
	var entries []store.Entry
	for _, e := range m.rows {
		if e.Subject == subject && (bot == "" || e.Bot == bot) && (at.IsZero() || !e.EventTime.After(at) && !e.Time.After(at)) {
			entries = append(entries, e)
		}
	}
	u := &store.User{Subject: subject}
	for _, c := range store.CountUsers(entries) {
		n := len(u.Bots)
		if n == 0 || u.Bots[n-1].Bot != c.Bot {
			u.Bots = append(u.Bots, store.UserBot{Bot: c.Bot, Counts: c.Counts, First: c.First, Last: c.Last})
			continue
		}
		u.Bots[n-1].Counts.Add(c.Counts, 1)
		u.Bots[n-1].Last = c.Last // The days are in order.
	}
	return u
}

// stats is what Stats is to return.
func (m *model) stats(q store.StatsQuery) []store.Minute {
	byMinute := map[time.Time]store.Minute{}
	for _, c := range store.CountBots(m.rows) {
		if q.Bot != "" && q.Bot != c.Bot || c.Minute.Before(q.From) || !c.Minute.Before(q.To) {
			continue
		}
		at := c.Minute.Truncate(q.Steps())
		minute := byMinute[at]
		minute.Minute = at
		minute.Add(c.Activity, 1)
		byMinute[at] = minute
	}
	var all []store.Minute
	for _, minute := range byMinute {
		all = append(all, minute)
	}
	slices.SortFunc(all, func(a, b store.Minute) int { return a.Minute.Compare(b.Minute) })
	return all
}

// unrecorded are entries without their times of recording, which the model does not have.
func unrecorded(entries []store.Entry) []store.Entry {
	for i := range entries {
		entries[i].RecordedAt = time.Time{}
	}
	return entries
}
