package rebalance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// cut is a map over shards of about the same size.
func cut(names ...string) sharded.Map {
	var m sharded.Map
	for _, name := range names {
		m.Shards = append(m.Shards, sharded.Shard{Name: name, URL: "sqlite:" + name})
	}
	for bucket := range m.Owners {
		m.Owners[bucket] = names[bucket*len(names)/event.Buckets]
	}
	return m
}

// open returns a store over fakes, and those.
func open(t *testing.T, m sharded.Map) (*sharded.Store, map[string]*storetest.Fake) {
	t.Helper()
	fakes := map[string]*storetest.Fake{}
	for _, shard := range m.Shards {
		fakes[shard.Name] = storetest.NewFake()
	}
	return over(t, m, fakes), fakes
}

// over returns another store over the same fakes, as another process would have it.
func over(t *testing.T, m sharded.Map, fakes map[string]*storetest.Fake) *sharded.Store {
	t.Helper()
	s, err := sharded.Open(t.Context(), sharded.Config{Map: m, Open: func(_ context.Context, shard sharded.Shard) (sharded.Engine, error) {
		return fakes[shard.Name], nil
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

var errDown = fmt.Errorf("%w: connection refused", store.ErrUnavailable)

// refuse has a fake refuse the calls, or all.
func refuse(calls ...string) func(context.Context, string) error {
	return func(_ context.Context, call string) error {
		if len(calls) == 0 || slices.Contains(calls, call) {
			return errDown
		}
		return nil
	}
}

// shardOf is where an event is recorded.
func shardOf(t *testing.T, s *sharded.Store, e *event.Event) string {
	t.Helper()
	entry, err := store.NewEntry(e)
	require.NoError(t, err)
	return s.ShardOf(entry)
}

func TestMove(t *testing.T) {
	t.Parallel()
	source := storetest.Random(t)
	synctest.Test(t, func(t *testing.T) {
		m := cut("a", "b", "c")
		s, fakes := open(t, m)
		all := storetest.History(t, source, 100, time.Now())
		_, err := storetest.RecordRouted(t.Context(), s, all)
		require.NoError(t, err)
		var said []string
		err = New(s).Move(t.Context(), Move{Buckets: buckets(0, 400), To: "c", Group: 100, Progress: func(p Progress) { said = append(said, p.String()) }})
		require.NoError(t, err)
		require.Contains(t, said, "wait buckets 200-299 from a to c")
		intact(t, m, fakes, all)
		for _, e := range fakes["c"].Rows {
			require.True(t, e.Bucket < 400 || m.Owners[e.Bucket] == "c")
		}
		require.NoError(t, New(s).Move(t.Context(), Move{Buckets: buckets(0, 400), To: "c"}), "it is there")
		intact(t, m, fakes, all)
		require.NoError(t, New(s).Move(t.Context(), Move{Buckets: buckets(0, event.Buckets), To: "b"}))
		require.Empty(t, fakes["a"].Rows)
		require.Empty(t, fakes["c"].Rows)
		intact(t, m, fakes, all)
	})
}

func buckets(from, below int) (all []int) {
	for b := from; b < below; b++ {
		all = append(all, b)
	}
	return all
}

// intact demands that all events are recorded once, in the shard that has them, whichever
// process asks.
func intact(t *testing.T, m sharded.Map, fakes map[string]*storetest.Fake, all []*event.Event) {
	t.Helper()
	s := over(t, m, fakes)
	synctest.Wait()
	routes, err := s.Survey(t.Context())
	require.NoError(t, err)
	require.Empty(t, routes.Between)
	total := 0
	for name, f := range fakes {
		total += len(f.Rows)
		for _, e := range f.Rows {
			require.Equal(t, name, routes.Owners[e.Bucket], "bucket %d", e.Bucket)
		}
	}
	require.Equal(t, len(all), total)
	for _, e := range all {
		require.Contains(t, fakes[shardOf(t, s, e)].Rows, e.ID)
	}
	m.Owners = routes.Owners // As an operator writes it down afterwards.
	edited := over(t, m, fakes)
	synctest.Wait()
	again, err := edited.Survey(t.Context())
	require.NoError(t, err)
	require.Equal(t, routes.Owners, again.Owners)
	require.NoError(t, edited.Close())
	require.NoError(t, s.Close())
}

type moving struct{}

// Whatever call of a move fails, before or after its effect: it can be called again.
func TestMoveGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]string{
		"a to b": {"b"}, "and back": {"b", "a"}, "round": {"b", "c", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for k, failed := 0, true; failed; k++ {
				synctest.Test(t, func(t *testing.T) { failed = moveFailing(t, k, before) })
				require.Less(t, k, 1000)
			}
		})
	}
}

// moveFailing moves buckets along a way, and has the k-th call of the last move fail. It
// reports whether there was one.
func moveFailing(t *testing.T, k int, way []string) bool {
	m := cut("a", "b", "c")
	s, fakes := open(t, m)
	other := over(t, m, fakes)
	var all []*event.Event
	add := func() {
		for _, bucket := range []int{1, 2, 300, 400, 700} {
			e := storetest.NewEvent(t, storetest.UserOf(bucket), time.Now())
			if _, err := storetest.RecordRouted(t.Context(), other, []*event.Event{e}); err == nil {
				all = append(all, e)
			} else {
				require.ErrorIs(t, err, store.ErrUnavailable)
			}
		}
	}
	add()
	move := Move{Buckets: []int{1, 2, 300}, Group: 2}
	for _, to := range way[:len(way)-1] {
		move.To = to
		require.NoError(t, New(s).Move(t.Context(), move))
		add()
	}
	move.To = way[len(way)-1]
	var calls atomic.Int64
	for _, f := range fakes {
		f.SetFail(func(ctx context.Context, call string) error {
			if ctx.Value(moving{}) == nil {
				return nil
			}
			if calls.Add(1) == int64(k+1) {
				return fmt.Errorf("%s: %w", call, errDown)
			}
			return nil
		})
	}
	err := New(s).Move(context.WithValue(t.Context(), moving{}, true), move)
	for _, f := range fakes {
		f.SetFail(nil)
	}
	hit := calls.Load() > int64(k)
	if hit {
		require.ErrorIs(t, err, store.ErrUnavailable)
		add()
		synctest.Wait()
		for _, e := range all {
			_, err := other.Get(t.Context(), e.ID)
			require.NoError(t, err)
		}
		err = New(s).Move(t.Context(), move)
	}
	require.NoError(t, err)
	add()
	intact(t, m, fakes, all)
	return hit
}

// While buckets move, events are recorded and read as ever.
func TestMoveUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cut("a", "b", "c")
		_, fakes := open(t, m)
		load := startLoad(t, m, fakes)
		mover := over(t, m, fakes)
		for _, move := range []Move{
			{Buckets: buckets(0, 40), To: "b", Group: 20}, {Buckets: buckets(30, 60), To: "c"}, {Buckets: buckets(0, 40), To: "a"},
		} {
			require.NoError(t, New(mover).Move(t.Context(), move))
		}
		intact(t, m, fakes, load.stop(t))
	})
}

// load records and reads until it is stopped.
type load struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	all    []*event.Event
	wrong  atomic.Pointer[string]
}

func startLoad(t *testing.T, m sharded.Map, fakes map[string]*storetest.Fake) *load {
	l := &load{}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(t.Context())
	for worker := range 4 {
		s := over(t, m, fakes)
		l.done.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				// A step that was begun ends: cancelled, it would try for ever to record its event.
				l.step(context.WithoutCancel(ctx), t, s, storetest.UserOf((worker+4*n)%80))
				<-time.After(250 * time.Millisecond)
			}
		})
	}
	return l
}

func (l *load) step(ctx context.Context, t *testing.T, s *sharded.Store, user string) {
	e := storetest.NewEvent(t, user, time.Now())
	for {
		_, err := storetest.RecordRouted(ctx, s, []*event.Event{e})
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrUnavailable) {
			l.complain("append: " + err.Error())
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	l.mu.Lock()
	l.all = append(l.all, e)
	all := l.all
	l.mu.Unlock()
	if _, err := s.Get(store.Fresh(ctx), all[len(all)/2].ID); err != nil {
		l.complain("a fresh read: " + err.Error())
	}
	old := all[:len(all)-min(len(all), 160)] // Five seconds and more.
	if len(old) > 0 {
		if _, err := s.Get(ctx, old[time.Now().Nanosecond()/1e8%len(old)].ID); err != nil {
			l.complain("a read: " + err.Error())
		}
	}
}

func (l *load) complain(what string) { l.wrong.CompareAndSwap(nil, &what) }

func (l *load) stop(t *testing.T) []*event.Event {
	t.Helper()
	l.cancel()
	l.done.Wait()
	if wrong := l.wrong.Load(); wrong != nil && *wrong != "" {
		t.Error(*wrong)
	}
	return l.all
}

func TestMoveRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, fakes := open(t, cut("a", "b", "c"))
		synctest.Wait()
		require.ErrorIs(t, New(s).Move(t.Context(), Move{Buckets: []int{1}, To: "z"}), errMove)
		require.ErrorIs(t, New(s).Move(t.Context(), Move{Buckets: []int{1024}, To: "b"}), errMove)

		fakes["c"].SetFail(refuse())
		require.ErrorIs(t, New(s).Move(t.Context(), Move{Buckets: []int{1}, To: "b"}), store.ErrUnavailable, "its marks may say otherwise")
		fakes["c"].SetFail(nil)

		lock, err := fakes["b"].LockMoves(t.Context())
		require.NoError(t, err)
		require.ErrorIs(t, New(s).Move(t.Context(), Move{Buckets: []int{1}, To: "b"}), store.ErrMoveInProgress)
		require.NoError(t, lock.Unlock())
		require.False(t, fakes["a"].Locked, "the others are given back")

		require.NoError(t, fakes["a"].Fence(t.Context(), []int{1}, "b", nil))
		require.NoError(t, fakes["b"].Fence(t.Context(), []int{1}, "a", nil))
		err = New(s).Move(t.Context(), Move{Buckets: []int{1}, To: "c"})
		require.ErrorIs(t, err, errMove)
		require.ErrorContains(t, err, "bucket 1 is between a and b")
		require.Empty(t, fakes["c"].Fenced)
	})
}

// A shard that was given copies by a move that was given up loses them.
func TestMoveToWhereItIsCleansUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cut("a", "b")
		s, fakes := open(t, m)
		e := storetest.NewEvent(t, storetest.UserOf(1), time.Now())
		_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{e})
		require.NoError(t, err)
		fakes["a"].SetFail(refuse("Fence"))
		require.Error(t, New(s).Move(t.Context(), Move{Buckets: []int{1}, To: "b"}))
		require.Len(t, fakes["b"].Rows, 1)
		fakes["a"].SetFail(nil)
		require.NoError(t, New(s).Move(t.Context(), Move{Buckets: []int{1}, To: "a"}))
		intact(t, m, fakes, []*event.Event{e})
	})
}

func TestErasuresMoveAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cut("a", "b")
		s, fakes := open(t, m)
		user, now := storetest.UserOf(1), time.Now()
		fakes["a"].Erased[user] = now
		require.NoError(t, New(s).Move(t.Context(), Move{Buckets: []int{1}, To: "b"}))
		recorded, err := storetest.RecordRouted(t.Context(), s, []*event.Event{storetest.NewEvent(t, user, now.Add(-time.Hour))})
		require.NoError(t, err)
		require.Empty(t, recorded)
		require.Equal(t, []string{user}, slices.Collect(maps.Keys(fakes["b"].Erased)))
	})
}

// What is recorded late, behind where the copying is, is not left behind.
func TestCopyingSeesLateEntries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cut("a", "b")
		s, fakes := open(t, m)
		user := storetest.UserOf(1)
		var all []*event.Event
		add := func(at time.Time) {
			e := storetest.NewEvent(t, user, at)
			all = append(all, e)
			_, err := storetest.RecordRouted(t.Context(), s, []*event.Event{e})
			require.NoError(t, err)
		}
		start := time.Now()
		for n := range 3 * firstPage {
			add(start.Add(time.Duration(n) * time.Second))
		}
		pages := 0
		fakes["a"].SetFail(func(_ context.Context, call string) error {
			if call == "ReadBuckets" {
				if pages++; pages < 5 {
					fakes["a"].SetFail(nil)
					add(start.Add(-time.Duration(pages) * time.Hour)) // Before everything else.
					<-time.After(time.Hour)
				}
			}
			return nil
		})
		require.NoError(t, New(s).Move(t.Context(), Move{Buckets: []int{1}, To: "b"}))
		require.Greater(t, len(all), 3*firstPage)
		intact(t, m, fakes, all)
	})
}
