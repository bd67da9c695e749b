package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tables are the read models as they can be compared, whatever slots were used.
var tables = []string{
	"select event_id || ' ' || event_time || bot || type || known || status || ' ' || attempts || ' ' || replays || ' ' || updated_at from event_status order by event_id",
	"select concat_ws(' ', subject, bot, day, first_at, last_at, accepted, deferred, delivered, failed, dead, expired, replayed, dropped) from user_counters order by subject, bot, day",
	`select concat_ws(' ', bot, minute, day, sum(took_ms), sum(accepted), sum(deferred), sum(delivered), sum(failed), sum(dead), sum(expired), sum(replayed), sum(dropped))
		from bot_stats group by bot, minute, day order by bot, minute, day`,
}

func readModels(t testing.TB, url string) [][]string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	all := make([][]string, len(tables))
	for i, query := range tables {
		rows, err := conn.Query(t.Context(), query)
		require.NoError(t, err)
		all[i], err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
	}
	return all
}

// requireModels compares read models, and shows only what differs.
func requireModels(t testing.TB, want, got [][]string) {
	t.Helper()
	for i := range tables {
		lost := slices.DeleteFunc(slices.Clone(want[i]), func(row string) bool { return slices.Contains(got[i], row) })
		found := slices.DeleteFunc(slices.Clone(got[i]), func(row string) bool { return slices.Contains(want[i], row) })
		require.Equal(t, lost[:min(len(lost), 10)], found[:min(len(found), 10)], "of %d rows", len(want[i]))
	}
}

// requireRebuilt checks that the read models are what a rebuild makes.
func requireRebuilt(t testing.TB, s *postgres.Store, url string) (entries int64) {
	t.Helper()
	before := readModels(t, url)
	entries = rebuildAll(t, s)
	requireModels(t, before, readModels(t, url))
	return entries
}

// changes are the statuses that random changes have.
var changes = []event.Status{
	event.StatusReplayed, event.StatusFailed, event.StatusExpired, event.StatusDead, event.StatusDropped,
	event.StatusReleased, event.StatusCancelled,
}

// life returns events of three days and what becomes of them, in any order, with
// repeats: the same ones, and events that are accepted again at another time.
func life(t testing.TB, source *rand.Rand, n int) []*event.Event {
	t.Helper()
	var all []*event.Event
	for i := range n {
		at := noon.Add(time.Duration(source.Int64N(int64(50 * time.Hour)))).Truncate(time.Microsecond)
		e := &event.Event{
			ID: fmt.Sprintf("event-%d", i), Bot: fmt.Sprintf("bot%d", source.IntN(2)), Type: "command", Time: at, OrderKey: "k",
			Subject: []string{"", "alice", "bob", "carol"}[source.IntN(4)], Data: []byte("x"),
		}
		if source.IntN(4) == 0 {
			e.NotBefore = at.Add(time.Minute)
		}
		all = append(all, e)
		replays := 0
		for k := range source.IntN(5) {
			status := changes[source.IntN(len(changes))]
			if status == event.StatusReplayed {
				replays++
			}
			c, err := event.NewChange(e, event.Change{Status: status, Attempt: k, Replays: replays, At: at.Add(time.Duration(k) * time.Hour), DurationMS: source.Int64N(50)})
			require.NoError(t, err)
			all = append(all, c)
		}
		if source.IntN(5) == 0 {
			again := *e
			again.Time = at.Add(time.Duration(source.Int64N(int64(30 * time.Hour)))).Truncate(time.Microsecond)
			all = append(all, &again, e)
		}
	}
	return all
}

// appendAll records events in batches, several at once, each batch as often as it is given up.
func appendAll(t testing.TB, s *postgres.Store, source *rand.Rand, events []*event.Event) []store.Entry {
	t.Helper()
	events = slices.Clone(events)
	source.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	results := make(chan []store.Entry, len(events))
	var group errgroup.Group
	group.SetLimit(4)
	for len(events) > 0 {
		n := min(len(events), 1+source.IntN(20))
		batch := events[:n]
		events = events[n:]
		group.Go(func() error {
			entries, err := storetest.Record(t.Context(), s, batch)
			results <- entries
			return err
		})
	}
	require.NoError(t, group.Wait())
	close(results)
	var all []store.Entry
	for entries := range results {
		all = append(all, entries...)
	}
	return all
}

func rebuildAll(t testing.TB, s *postgres.Store) (entries int64) {
	t.Helper()
	days, err := s.Days(t.Context())
	require.NoError(t, err)
	for _, day := range days {
		n, err := s.Rebuild(t.Context(), day)
		require.NoError(t, err)
		entries += n
	}
	return entries
}

func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestReadModelsAreWhatTheEntriesSay compares the SQL with the functions of package store,
// and with what a rebuild makes of the log.
func TestReadModelsAreWhatTheEntriesSay(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	source := seeded(t)
	entries := appendAll(t, s, source, life(t, source, 150))

	users := map[string]store.Counts{}
	for _, c := range store.CountUsers(entries) {
		sum := users[c.Subject+" "+c.Bot]
		sum.Add(c.Counts, 1)
		users[c.Subject+" "+c.Bot] = sum
	}
	for _, subject := range []string{"alice", "bob", "carol", "nobody", ""} {
		now, err := s.User(t.Context(), store.UserQuery{Subject: subject})
		require.NoError(t, err)
		for _, b := range now.Bots {
			require.Equal(t, users[subject+" "+b.Bot], b.Counts)
			delete(users, subject+" "+b.Bot)
		}
		then, err := s.User(t.Context(), store.UserQuery{Subject: subject, At: noon.Add(24 * 365 * time.Hour)})
		require.NoError(t, err)
		require.Equal(t, now, then)
	}
	require.Empty(t, users)

	for _, bot := range []string{"", "bot0", "bot1"} {
		requireStats(t, s, bot, entries)
	}
	requireStatuses(t, s, entries)

	before := readModels(t, url)
	require.EqualValues(t, len(entries), requireRebuilt(t, s, url))
	require.NoError(t, s.Corrupt(t.Context()))
	require.NotEqual(t, before, readModels(t, url))
	rebuildAll(t, s)
	requireModels(t, before, readModels(t, url))
}

func requireStats(t *testing.T, s *postgres.Store, bot string, entries []store.Entry) {
	t.Helper()
	var all store.Counts
	var took time.Duration
	for _, c := range store.CountBots(entries) {
		if bot == "" || bot == c.Bot {
			all.Add(c.Counts, 1)
			took += c.Duration
		}
	}
	minutes, err := s.Stats(t.Context(), store.StatsQuery{Bot: bot, From: noon, To: noon.Add(100 * time.Hour)})
	require.NoError(t, err)
	for i, m := range minutes {
		require.True(t, i == 0 || minutes[i-1].Minute.Before(m.Minute))
		all.Add(m.Counts, -1)
		took -= m.Duration
	}
	require.Zero(t, all)
	require.Zero(t, took)
}

func requireStatuses(t *testing.T, s *postgres.Store, entries []store.Entry) {
	t.Helper()
	for _, p := range store.Project(entries) {
		r, err := s.Get(t.Context(), p.EventID)
		require.NoError(t, err)
		require.Equal(t, p.State.Status, r.Status)
		require.Equal(t, p.State.Attempts, r.AttemptCount)
		require.Equal(t, p.State.UpdatedAt, r.UpdatedAt)
		page, err := s.List(t.Context(), store.Query{Statuses: []event.Status{r.Status}, After: store.Position{Time: p.EventTime.Add(time.Microsecond)}, Limit: 1})
		require.NoError(t, err)
		r.Event.Data, r.Attempts = nil, nil
		require.Equal(t, r, page.Records[0])
	}
}

func TestRebuildWhileEventsArrive(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	s := migrated(t, url)
	source := seeded(t)
	all := life(t, source, 200)
	appendAll(t, s, source, all[:len(all)/2])
	var group errgroup.Group
	group.Go(func() error {
		for range 5 {
			for _, day := range []time.Time{noon, noon.Add(24 * time.Hour), noon.Add(48 * time.Hour)} {
				if _, err := s.Rebuild(t.Context(), day); err != nil {
					return err
				}
			}
		}
		return nil
	})
	appendAll(t, s, source, all)
	require.NoError(t, group.Wait())
	requireRebuilt(t, s, url)
}
