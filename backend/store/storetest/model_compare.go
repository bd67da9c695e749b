package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
)

var (
	longAgo   = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	farFuture = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// requireEqual compares everything that a store answers with the model.
func requireEqual(t *testing.T, m *model, s Store) {
	t.Helper()
	requireUsers(t, m, s)
	requireStats(t, m, s)
	requireRecords(t, m, s)
	requireLog(t, m, s)
}

func requireUsers(t *testing.T, m *model, s Store) {
	t.Helper()
	for _, subject := range append(m.subjects(), "nobody") {
		if subject == "" {
			continue
		}
		require.Equal(t, m.user(subject, "", time.Time{}), user(t, s, store.UserQuery{Subject: subject}), subject)
		require.Equal(t, m.user(subject, "", time.Time{}), user(t, s, store.UserQuery{Subject: subject, At: farFuture}), "%s, from the log", subject)
	}
}

func requireStats(t *testing.T, m *model, s Store) {
	t.Helper()
	for _, bot := range append(m.bots(), "", "none") {
		q := store.StatsQuery{Bot: bot, From: longAgo, To: farFuture}
		require.Equal(t, m.stats(q), stats(t, s, q), "bot %q", bot)
	}
}

func requireRecords(t *testing.T, m *model, s Store) {
	t.Helper()
	events := m.events()
	listed := make([]string, 0, len(events))
	for q := (store.Query{Limit: 50}); ; {
		page := list(t, s, q)
		for _, r := range page.Records {
			listed = append(listed, r.Event.ID)
			want := m.record(t, r.Event.ID)
			full := get(t, s, r.Event.ID)
			require.False(t, full.RecordedAt.IsZero())
			want.RecordedAt = full.RecordedAt
			require.Equal(t, want, full)
			full.Event.Data, full.Attempts, full.Repeats = nil, nil, nil
			require.Equal(t, full, r)
		}
		if page.Next == nil {
			break
		}
		q.After = *page.Next
	}
	if len(events) == 0 {
		require.Empty(t, listed)
		return
	}
	require.Equal(t, events, listed)
}

func requireLog(t *testing.T, m *model, s Store) {
	t.Helper()
	require.ElementsMatch(t, m.rows, unrecorded(wholeLog(t, s, store.LogQuery{Limit: 70, Bodies: true})))
}

// wholeLog reads the log to its end, page by page.
func wholeLog(t *testing.T, s Store, q store.LogQuery) []store.Entry {
	t.Helper()
	var all []store.Entry
	for {
		entries, err := s.Log(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(entries), max(q.Limit, 1))
		if len(entries) == 0 {
			return all
		}
		all = append(all, entries...)
		q.After = entries[len(entries)-1].Position()
	}
}

func user(t *testing.T, s Store, q store.UserQuery) *store.User {
	t.Helper()
	u, err := s.User(t.Context(), q)
	require.NoError(t, err)
	u.Bots = orNil(u.Bots)
	return u
}

func stats(t *testing.T, s Store, q store.StatsQuery) []store.Minute {
	t.Helper()
	minutes, err := s.Stats(t.Context(), q)
	require.NoError(t, err)
	return orNil(minutes)
}

// orNil makes lists of nothing equal.
func orNil[T any](all []T) []T {
	if len(all) == 0 {
		return nil
	}
	return all
}
