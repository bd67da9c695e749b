package sharded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

// cut is a map over shards of about the same size.
func cut(names ...string) Map {
	var m Map
	for _, name := range names {
		m.Shards = append(m.Shards, Shard{Name: name, URL: "sqlite:" + name})
	}
	for bucket := range m.Owners {
		m.Owners[bucket] = names[bucket*len(names)/event.Buckets]
	}
	return m
}

// open returns a store over fakes, and those.
func open(t *testing.T, m Map) (*Store, map[string]*storetest.Fake) {
	t.Helper()
	fakes := map[string]*storetest.Fake{}
	for _, shard := range m.Shards {
		fakes[shard.Name] = storetest.NewFake()
	}
	return over(t, m, fakes), fakes
}

// over returns another store over the same fakes, as another process would have it.
func over(t *testing.T, m Map, fakes map[string]*storetest.Fake) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Map: m, Open: func(_ context.Context, shard Shard) (Engine, error) { return fakes[shard.Name], nil }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// advance lets time go by in a test whose clock is its own.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestAnswersAreThoseOfOneStore(t *testing.T) {
	t.Parallel()
	source := storetest.Random(t)
	synctest.Test(t, func(t *testing.T) {
		s, _ := open(t, cut("a", "b", "c"))
		whole := storetest.NewFake()
		all := storetest.History(t, source, 120, time.Now())
		for part := range slices.Chunk(all, 17) {
			got, err := storetest.RecordRouted(t.Context(), s, part)
			require.NoError(t, err)
			want, err := storetest.Record(t.Context(), whole, part)
			require.NoError(t, err)
			require.ElementsMatch(t, want, got)
			advance(time.Millisecond)
		}
		same(t, source, whole, s, all)
	})
}

// same demands equal store.Store to random questions about events and changes.
func same(t *testing.T, source *rand.Rand, want, got store.Store, all []*event.Event) {
	t.Helper()
	ctx := t.Context()
	for _, e := range append(all, storetest.NewEvent(t, "nobody", time.Now())) {
		wanted, wantErr := want.Get(ctx, e.ID)
		given, err := got.Get(ctx, e.ID)
		require.Equal(t, wantErr == nil, err == nil, "%v", err)
		require.Equal(t, wanted, given)
	}
	for _, subject := range []string{"user-1", "user-7", "nobody"} {
		equal(t, func(s store.Store) (any, error) { return s.User(ctx, store.UserQuery{Subject: subject}) }, want, got)
		equal(t, func(s store.Store) (any, error) {
			return s.Log(ctx, store.LogQuery{Subject: subject, Limit: 1000})
		}, want, got)
	}
	for _, bot := range []string{"", "bot-1"} {
		q := store.StatsQuery{Bot: bot, From: all[0].Time.Add(-time.Hour), To: all[0].Time.Add(time.Hour)}
		equal(t, func(s store.Store) (any, error) { return s.Stats(ctx, q) }, want, got)
		sameLog(t, store.LogQuery{Bot: bot, Limit: 7}, want, got)
	}
	for range 20 {
		q := store.Query{Limit: 1 + source.IntN(20)}
		for _, choice := range []struct {
			field  *string
			values []string
		}{{&q.Bot, []string{"bot-0", "bot-2"}}, {&q.Subject, []string{"user-1", "user-7"}}, {&q.Type, []string{"command"}}} {
			if source.IntN(3) == 0 {
				*choice.field = choice.values[source.IntN(len(choice.values))]
			}
		}
		q.Statuses = [][]event.Status{nil, nil, {event.StatusDelivered}, {event.StatusDead}, {event.StatusAccepted, event.StatusDead}}[source.IntN(5)]
		samePages(t, q, want, got)
		sameInParts(t, q, want, got)
	}
	for _, bot := range []string{"", "bot-1"} {
		q := store.UsersQuery{Prefix: "user-", Bot: bot, Limit: 3}
		require.Equal(t, allUsers(t, q, want), allUsers(t, q, got))
	}
}

// sameInParts demands the same list of shards that look through few rows for a page.
func sameInParts(t *testing.T, q store.Query, want, got store.Store) {
	t.Helper()
	q.Limit = store.MaxLimit
	whole, err := want.List(t.Context(), q)
	require.NoError(t, err)
	q.Scan = 5
	var given []*store.Record
	for {
		page, err := got.List(t.Context(), q)
		require.NoError(t, err)
		if given = append(given, page.Records...); page.Next == nil {
			break
		}
		require.True(t, q.After == (store.Position{}) || q.Compare(q.After, *page.Next) < 0, "it goes on")
		q.After = *page.Next
	}
	require.Equal(t, whole.Records, given)
}

func allUsers(t *testing.T, q store.UsersQuery, s store.Store) (names []string) {
	t.Helper()
	for {
		page, err := s.Users(t.Context(), q)
		require.NoError(t, err)
		if names = append(names, page.Users...); page.Next == "" {
			return names
		}
		q.After = page.Next
	}
}

func equal(t *testing.T, ask func(store.Store) (any, error), want, got store.Store) {
	t.Helper()
	wanted, err := ask(want)
	require.NoError(t, err)
	given, err := ask(got)
	require.NoError(t, err)
	require.Equal(t, wanted, given)
}

func samePages(t *testing.T, q store.Query, want, got store.Store) {
	t.Helper()
	for {
		wanted, err := want.List(t.Context(), q)
		require.NoError(t, err)
		given, err := got.List(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, wanted.Next, given.Next, "%+v", q)
		require.Len(t, given.Records, len(wanted.Records))
		for i := range wanted.Records {
			require.Equal(t, wanted.Records[i], given.Records[i])
		}
		if wanted.Next == nil {
			return
		}
		q.After = *wanted.Next
	}
}

func sameLog(t *testing.T, q store.LogQuery, want, got store.Store) {
	t.Helper()
	for {
		wanted, err := want.Log(t.Context(), q)
		require.NoError(t, err)
		given, err := got.Log(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, wanted, given)
		if len(wanted) == 0 {
			return
		}
		q.After = wanted[len(wanted)-1].Position()
	}
}

func TestOneLookupAsksOneShard(t *testing.T) {
	t.Parallel()
	s, fakes := open(t, cut("a", "b"))
	e := storetest.NewEvent(t, storetest.UserOf(600), time.Now())
	_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{e, storetest.NewChange(t, e, event.StatusDelivered, 1)})
	require.NoError(t, err)
	require.Equal(t, "b", shardOf(t, s, e))
	require.Equal(t, "b", shardOf(t, s, storetest.NewChange(t, e, event.StatusFailed, 2)))
	_, err = s.Get(t.Context(), e.ID)
	require.NoError(t, err)
	_, err = s.User(t.Context(), store.UserQuery{Subject: e.Subject})
	require.NoError(t, err)
	_, err = s.List(t.Context(), store.Query{Subject: e.Subject})
	require.NoError(t, err)
	for _, call := range []string{"Append", "Get", "User", "List"} {
		require.Zero(t, fakes["a"].Called(call), call)
		require.Equal(t, 1, fakes["b"].Called(call), call)
	}
}

// A change whose own id has another bucket, as that of an event without a user.
func TestChangesGoToTheirEvent(t *testing.T) {
	t.Parallel()
	s, _ := open(t, cut("a", "b", "c", "d"))
	for range 50 {
		e := storetest.NewEvent(t, "", time.Now())
		c := storetest.NewChange(t, e, event.StatusDelivered, 1)
		require.Equal(t, shardOf(t, s, e), shardOf(t, s, c))
		_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{c, e})
		require.NoError(t, err)
		r, err := s.Get(t.Context(), e.ID)
		require.NoError(t, err)
		require.Equal(t, event.StatusDelivered, r.Status)
	}
}

func TestAppendTakesABatchOfOneShard(t *testing.T) {
	t.Parallel()
	s, fakes := open(t, cut("a", "b"))
	entries, err := storetest.Entries([]*event.Event{
		storetest.NewEvent(t, storetest.UserOf(1), time.Now()), storetest.NewEvent(t, storetest.UserOf(600), time.Now()),
	})
	require.NoError(t, err)
	_, err = s.Append(t.Context(), entries)
	require.ErrorIs(t, err, store.ErrFenced, "split them again")
	require.Zero(t, fakes["a"].Called("Append")+fakes["b"].Called("Append"))
}

var errDown = fmt.Errorf("%w: connection refused", store.ErrUnavailable)

func shardOf(t *testing.T, s *Store, e *event.Event) string {
	t.Helper()
	entry, err := store.NewEntry(e)
	require.NoError(t, err)
	return s.ShardOf(entry)
}

func refuse(calls ...string) func(context.Context, string) error {
	return func(_ context.Context, call string) error {
		if len(calls) == 0 || slices.Contains(calls, call) {
			return errDown
		}
		return nil
	}
}

func TestShardDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, fakes := open(t, cut("a", "b", "c"))
		one, two, three := storetest.NewEvent(t, storetest.UserOf(1), time.Now()), storetest.NewEvent(t, storetest.UserOf(500), time.Now()), storetest.NewEvent(t, storetest.UserOf(1000), time.Now())
		_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{one, two, three})
		require.NoError(t, err)
		fakes["b"].SetFail(refuse())
		for _, wait := range []time.Duration{0, 2 * fencesTTL} { // Before it is noticed, and after.
			advance(wait)
			more := []*event.Event{storetest.NewEvent(t, one.Subject, time.Now()), storetest.NewEvent(t, two.Subject, time.Now())}
			recorded, err := storetest.RecordRouted(t.Context(), s, more)
			require.ErrorIs(t, err, store.ErrUnavailable)
			require.ErrorContains(t, err, "shard b")
			require.Len(t, recorded, 1, "what the others recorded is returned")
			_, err = storetest.RecordRouted(t.Context(), s, more[:1])
			require.NoError(t, err)
			_, err = s.Get(t.Context(), one.ID)
			require.NoError(t, err)
			_, err = s.Get(t.Context(), two.ID)
			require.ErrorIs(t, err, store.ErrUnavailable)
			require.NotErrorIs(t, err, store.ErrNotFound)
			page, err := s.List(t.Context(), store.Query{Limit: 1})
			require.NoError(t, err)
			require.Equal(t, []string{"b"}, page.Missing)
			require.NotNil(t, page.Next)
			_, err = s.List(t.Context(), store.Query{Subject: two.Subject})
			require.ErrorIs(t, err, store.ErrUnavailable)
			_, err = s.Stats(t.Context(), store.StatsQuery{To: time.Now()})
			require.ErrorIs(t, err, store.ErrUnavailable)
			_, err = s.Log(t.Context(), store.LogQuery{})
			require.ErrorIs(t, err, store.ErrUnavailable)
			require.NoError(t, s.Ready(t.Context()), "the others go on")
			away, err := s.Check(t.Context())
			require.Equal(t, []string{"b"}, away)
			require.ErrorContains(t, err, "shard b")
		}
		fakes["a"].SetFail(refuse())
		fakes["c"].SetFail(refuse())
		require.ErrorIs(t, s.Ready(t.Context()), store.ErrUnavailable)
		_, err = s.List(t.Context(), store.Query{Limit: 1})
		require.ErrorIs(t, err, store.ErrUnavailable)
		for _, f := range fakes {
			f.SetFail(nil)
		}
		advance(pollEvery)
		page, err := s.List(t.Context(), store.Query{Limit: 10})
		require.NoError(t, err)
		require.Empty(t, page.Missing)
		require.Len(t, page.Records, 5)
		away, err := s.Check(t.Context())
		require.NoError(t, err)
		require.Empty(t, away)
	})
}

func TestShardDownAtTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fakes := map[string]*storetest.Fake{"a": storetest.NewFake(), "b": storetest.NewFake()}
		fakes["b"].SetFail(refuse("Migrate"))
		s := over(t, cut("a", "b"), fakes)
		_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{storetest.NewEvent(t, storetest.UserOf(1), time.Now())})
		require.NoError(t, err)
		waiting := storetest.NewEvent(t, storetest.UserOf(600), time.Now())
		_, err = storetest.RecordRouted(t.Context(), s, []*event.Event{waiting})
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.Zero(t, fakes["b"].Called("Append"), "its tables are not there")
		_, err = s.Get(t.Context(), waiting.ID)
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.NoError(t, s.Ready(t.Context()))

		fakes["b"].SetFail(nil)
		advance(migrateBackoff.Max)
		_, err = storetest.RecordRouted(t.Context(), s, []*event.Event{waiting})
		require.NoError(t, err)
	})
}

func TestHangingShardIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, fakes := open(t, cut("a", "b"))
		synctest.Wait()
		fakes["b"].SetFail(func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
		})
		began := time.Now()
		away, err := s.Check(t.Context())
		require.Equal(t, []string{"b"}, away)
		require.ErrorIs(t, err, errSlow)
		require.Equal(t, readyGrace, time.Since(began))
		began = time.Now()
		page, err := s.List(t.Context(), store.Query{})
		require.NoError(t, err)
		require.Equal(t, []string{"b"}, page.Missing)
		require.LessOrEqual(t, time.Since(began), ReadWindow)
		began = time.Now()
		_, err = s.List(t.Context(), store.Query{})
		require.NoError(t, err)
		away, _ = s.Check(t.Context())
		require.Equal(t, []string{"b"}, away)
		require.Zero(t, time.Since(began), "nobody waits again")
		fakes["b"].SetFail(nil)
	})
}

// handOver moves buckets between the fakes, with what is in them.
func handOver(t *testing.T, from, to *storetest.Fake, name string, buckets ...int) {
	t.Helper()
	require.NoError(t, from.Fence(t.Context(), buckets, name, func(ctx context.Context) error {
		entries, err := from.ReadBuckets(ctx, buckets, store.Position{}, time.Time{}, 1000)
		require.NoError(t, err)
		return to.Import(ctx, entries)
	}))
}

func TestAppendFollowsMoves(t *testing.T) {
	t.Parallel()
	s, fakes := open(t, cut("a", "b", "c"))
	user := storetest.UserOf(1)
	add := func() *event.Event {
		e := storetest.NewEvent(t, user, time.Now())
		_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{e})
		require.NoError(t, err)
		return e
	}
	add()
	handOver(t, fakes["a"], fakes["b"], "b", 1)
	handOver(t, fakes["b"], fakes["c"], "c", 1)
	e := add()
	require.Contains(t, fakes["c"].Rows, e.ID)
	require.Equal(t, "c", shardOf(t, s, e))

	// Back to where it began: for a moment neither takes it.
	handOver(t, fakes["c"], fakes["a"], "a", 1)
	_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{storetest.NewEvent(t, user, time.Now())})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotErrorIs(t, err, store.ErrFenced)
	r, err := s.Get(t.Context(), e.ID)
	require.NoError(t, err, "both have it")
	require.Equal(t, e.ID, r.Event.ID)
	require.NoError(t, fakes["a"].Fence(t.Context(), []int{1}, "", nil))
	e = add()
	require.Contains(t, fakes["a"].Rows, e.ID)
}

func TestConfigurationThatAgreesWithTheFences(t *testing.T) {
	t.Parallel()
	m := cut("a", "b")
	_, fakes := open(t, m)
	handOver(t, fakes["a"], fakes["b"], "b", 1)
	m.Owners[1] = "b"
	s := over(t, m, fakes)
	_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{storetest.NewEvent(t, storetest.UserOf(1), time.Now())})
	require.NoError(t, err)
	require.Len(t, fakes["b"].Rows, 1)
	require.Zero(t, fakes["a"].Called("Append"))
}

func TestMovedToAnUnknownShard(t *testing.T) {
	t.Parallel()
	for _, m := range []Map{cut("a"), cut("a", "b")} {
		fakes := map[string]*storetest.Fake{"a": storetest.NewFake(), "b": storetest.NewFake()}
		require.NoError(t, fakes["a"].Fence(t.Context(), []int{1}, "z", nil))
		s := over(t, m, fakes)
		e := storetest.NewEvent(t, storetest.UserOf(1), time.Now())
		_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{e})
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.ErrorContains(t, err, `"z", which the shards file`)
		_, err = s.Get(t.Context(), e.ID)
		require.ErrorIs(t, err, store.ErrUnavailable)
		page, err := s.List(t.Context(), store.Query{})
		require.NoError(t, err)
		require.Equal(t, []string{"z"}, page.Missing)
		_, err = storetest.RecordRouted(t.Context(), s, []*event.Event{storetest.NewEvent(t, storetest.UserOf(2), time.Now())})
		require.NoError(t, err)
	}
}

func TestReadsFollowMovesWithinABound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cut("a", "b")
		writer, fakes := open(t, m)
		reader := over(t, m, fakes)
		old := storetest.NewEvent(t, storetest.UserOf(1), time.Now())
		_, err := storetest.RecordRouted(t.Context(), writer, []*event.Event{old})
		require.NoError(t, err)
		_, err = reader.Get(t.Context(), old.ID)
		require.NoError(t, err)
		handOver(t, fakes["a"], fakes["b"], "b", 1)
		e := storetest.NewEvent(t, storetest.UserOf(1), time.Now())
		_, err = storetest.RecordRouted(t.Context(), writer, []*event.Event{e})
		require.NoError(t, err)

		_, err = reader.Get(t.Context(), old.ID)
		require.NoError(t, err)
		_, err = reader.Get(t.Context(), e.ID)
		require.ErrorIs(t, err, store.ErrNotFound, "its fences are those before")
		_, err = reader.Get(store.Fresh(t.Context()), e.ID)
		require.NoError(t, err)

		e = storetest.NewEvent(t, storetest.UserOf(2), time.Now())
		handOver(t, fakes["a"], fakes["b"], "b", 2)
		_, err = storetest.RecordRouted(t.Context(), writer, []*event.Event{e})
		require.NoError(t, err)
		page, err := reader.List(store.Fresh(t.Context()), store.Query{Limit: 9})
		require.NoError(t, err)
		require.Empty(t, page.Missing)
		require.Len(t, page.Records, 3)

		handOver(t, fakes["a"], fakes["b"], "b", 3)
		e = storetest.NewEvent(t, storetest.UserOf(3), time.Now())
		_, err = storetest.RecordRouted(t.Context(), writer, []*event.Event{e})
		require.NoError(t, err)
		advance(pollEvery)
		_, err = reader.Get(t.Context(), e.ID)
		require.NoError(t, err)
	})
}

// While it can't be known whether buckets moved, a shard is not read from.
func TestStaleShardIsNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, fakes := open(t, cut("a", "b"))
		e := storetest.NewEvent(t, storetest.UserOf(1), time.Now())
		_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{e})
		require.NoError(t, err)
		fakes["a"].SetFail(refuse("Fences"))
		advance(fencesTTL - pollEvery)
		_, err = s.Get(t.Context(), e.ID)
		require.NoError(t, err)
		advance(2 * pollEvery)
		_, err = s.Get(t.Context(), e.ID)
		require.ErrorIs(t, err, store.ErrUnavailable)
		_, err = storetest.RecordRouted(t.Context(), s, []*event.Event{storetest.NewEvent(t, storetest.UserOf(1), time.Now())})
		require.NoError(t, err, "the database itself knows what it takes")
	})
}

// While buckets are copied two shards have their events; lists and logs have them once.
func TestCopiesAreNotListed(t *testing.T) {
	t.Parallel()
	source := storetest.Random(t)
	synctest.Test(t, func(t *testing.T) {
		s, fakes := open(t, cut("a", "b"))
		whole := storetest.NewFake()
		all := storetest.History(t, source, 120, time.Now())
		for _, part := range [][]*event.Event{all[:60], all[60:]} {
			_, err := storetest.RecordRouted(t.Context(), s, part)
			require.NoError(t, err)
			_, err = storetest.Record(t.Context(), whole, part)
			require.NoError(t, err)
			advance(time.Millisecond)
		}
		var buckets []int
		for bucket := range event.Buckets / 2 {
			buckets = append(buckets, bucket)
		}
		some := buckets[:len(buckets)/2]
		entries, err := fakes["a"].ReadBuckets(t.Context(), some, store.Position{}, time.Time{}, 1000)
		require.NoError(t, err)
		require.NotEmpty(t, entries)
		require.NoError(t, fakes["b"].Import(t.Context(), entries))
		sameRecords(t, whole, s)
		sameLog(t, store.LogQuery{Limit: 7}, whole, s)
		require.NoError(t, fakes["a"].Fence(t.Context(), some, "b", nil))
		advance(pollEvery)
		sameRecords(t, whole, s)
		sameLog(t, store.LogQuery{Limit: 7}, whole, s)
	})
}

// sameRecords follows pages of both to their ends; the last one may be empty.
func sameRecords(t *testing.T, want, got store.Store) {
	t.Helper()
	require.Equal(t, everyID(t, want), everyID(t, got))
}

func everyID(t *testing.T, s store.Store) (ids []string) {
	t.Helper()
	for q := (store.Query{Limit: 7}); ; {
		page, err := s.List(t.Context(), q)
		require.NoError(t, err)
		for _, r := range page.Records {
			ids = append(ids, r.Event.ID)
		}
		if page.Next == nil {
			return ids
		}
		q.After = *page.Next
	}
}

func TestKeeping(t *testing.T) {
	t.Parallel()
	s, fakes := open(t, cut("a", "b"))
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	user := storetest.UserOf(1)
	_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{
		storetest.NewEvent(t, user, day), storetest.NewEvent(t, storetest.UserOf(600), day), storetest.NewEvent(t, storetest.UserOf(600), day.Add(48*time.Hour)),
	})
	require.NoError(t, err)
	days, err := s.Days(t.Context())
	require.NoError(t, err)
	require.Equal(t, []time.Time{store.Day(day), store.Day(day.Add(48 * time.Hour))}, days)
	entries, err := s.Rebuild(t.Context(), days[0])
	require.NoError(t, err)
	require.EqualValues(t, 2, entries)
	retained, err := s.Retain(t.Context(), day.Add(24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, days[:1], retained)

	fakes["b"].SetFail(refuse("Erase", "Rebuild"))
	_, err = s.Rebuild(t.Context(), days[0])
	require.ErrorContains(t, err, "shard b")
	_, err = s.Erase(t.Context(), user, day.Add(time.Hour), nil)
	require.ErrorIs(t, err, store.ErrUnavailable, "a copy may be there")
	fakes["b"].SetFail(nil)
	_, err = s.Erase(t.Context(), user, day.Add(time.Hour), nil)
	require.NoError(t, err)
	require.Empty(t, fakes["a"].Rows)
	require.Contains(t, fakes["b"].Erased, user)
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such folder")
	_, err := Open(t.Context(), Config{Map: cut("a", "b"), Open: func(_ context.Context, s Shard) (Engine, error) {
		if s.Name == "b" {
			return nil, broken
		}
		return storetest.NewFake(), nil
	}})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "shard b")
	_, err = Open(t.Context(), Config{})
	require.Error(t, err)
}

// TestShardThatRefusesWritesIsDown although it answers the polls.
func TestShardThatRefusesWritesIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, fakes := open(t, cut("a", "b"))
		record := func() error {
			_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{storetest.NewEvent(t, storetest.UserOf(600), time.Now())})
			return err
		}
		fakes["b"].SetFail(refuse("Append"))
		require.ErrorIs(t, record(), store.ErrUnavailable)
		advance(2 * pollEvery)
		require.ErrorIs(t, s.member("b").failure(), errDown)
		require.NoError(t, s.member("a").failure())
		fakes["b"].SetFail(nil)
		require.NoError(t, record())
		require.NoError(t, s.member("b").failure())

		fakes["b"].SetFail(refuse("Append"))
		require.ErrorIs(t, record(), store.ErrUnavailable)
		advance(refusedFor)
		require.NoError(t, s.member("b").failure(), "nobody wrote to it for long")
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	fakes := map[string]*storetest.Fake{"a": storetest.NewFake(), "b": storetest.NewFake()}
	fakes["b"].SetFail(refuse())
	registry := prometheus.NewPedanticRegistry()
	s, err := Open(t.Context(), Config{
		Map: cut("a", "b"), Registerer: registry,
		Open: func(_ context.Context, shard Shard) (Engine, error) { return fakes[shard.Name], nil },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Ready(t.Context()))
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP botgate_shard_up 1 while the shard answers, which is asked once a second where there are several, and takes events; by its name in the configuration.
# TYPE botgate_shard_up gauge
botgate_shard_up{shard="a"} 1
botgate_shard_up{shard="b"} 0
`), "botgate_shard_up"))
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}
