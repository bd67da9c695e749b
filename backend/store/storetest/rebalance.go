package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// moveCases have as many stores as they open.
var moveCases = map[string]func(*testing.T, func() Store){
	"reading buckets":                   testReadBuckets,
	"reading what was recorded of late": testReadSince,
	"import":                            testImport,
	"import what is there in part":      testImportAgain,
	"fence":                             testFence,
	"fence, called off":                 testCallOff,
	"fence waits for Append":            testFenceWaits,
	"drop buckets":                      testDropBuckets,
	"erasures":                          testErasuresMove,
	"one move at a time":                testMoveLock,
	"a whole move under load":           testMove,
}

// manyUsers are spread over buckets.
func manyUsers(t *testing.T) *world {
	w := newWorld(t)
	for n := range 10 {
		w.subjects = append(w.subjects, fmt.Sprint("user ", n))
	}
	return w
}

// halfOf are some of the buckets that rows are in, and some where none are.
func (w *world) halfOf(m *model) []int {
	some := []int{1023, 0}
	for _, e := range m.rows {
		if w.IntN(2) == 0 {
			some = append(some, e.Bucket)
		}
	}
	slices.Sort(some)
	return slices.Compact(some)
}

func in(buckets []int) func(store.Entry) bool {
	return func(e store.Entry) bool { return slices.Contains(buckets, e.Bucket) }
}

// readBuckets follows them to the end.
func readBuckets(t *testing.T, s Store, buckets []int, since time.Time, limit int) []store.Entry {
	t.Helper()
	all, err := copyBuckets(t.Context(), s, buckets, since, limit, func([]store.Entry) error { return nil })
	require.NoError(t, err)
	return all
}

func copyBuckets(ctx context.Context, s Store, buckets []int, since time.Time, limit int, to func([]store.Entry) error) (all []store.Entry, err error) {
	for after := (store.Position{}); ; {
		entries, err := s.ReadBuckets(ctx, buckets, after, since, limit)
		if err != nil || len(entries) == 0 {
			return all, err
		}
		if err := to(entries); err != nil {
			return all, err
		}
		all = append(all, entries...)
		last := entries[len(entries)-1]
		after = store.Position{Time: last.EventTime, ID: last.ID}
	}
}

func testReadBuckets(t *testing.T, open func() Store) {
	s, w, m := open(), manyUsers(t), newModel()
	w.record(s, m, w.events(12))
	buckets := w.halfOf(m)
	want := slices.DeleteFunc(wholeLog(t, s, store.LogQuery{Limit: 1000, Bodies: true}), func(e store.Entry) bool { return !in(buckets)(e) })
	slices.SortFunc(want, func(a, b store.Entry) int {
		return cmp.Or(a.EventTime.Compare(b.EventTime), cmp.Compare(a.ID, b.ID))
	})
	for _, limit := range []int{1, 7, 1000} {
		require.Equal(t, want, readBuckets(t, s, buckets, time.Time{}, limit), "limit %d", limit)
	}
	require.Empty(t, readBuckets(t, s, nil, time.Time{}, 9))
}

func testReadSince(t *testing.T, open func() Store) {
	s, w, m := open(), manyUsers(t), newModel()
	w.record(s, m, w.events(12))
	log := wholeLog(t, s, store.LogQuery{Limit: 1000, Bodies: true})
	since := log[len(log)/2].RecordedAt
	var buckets []int
	for n := range event.Buckets {
		buckets = append(buckets, n)
	}
	want := slices.DeleteFunc(log, func(e store.Entry) bool { return e.RecordedAt.Before(since) })
	require.ElementsMatch(t, want, readBuckets(t, s, buckets, since, 5))
	require.Empty(t, readBuckets(t, s, buckets, farFuture, 5))
}

func testImport(t *testing.T, open func() Store) {
	from, to, w, m := open(), open(), manyUsers(t), newModel()
	w.record(from, m, w.events(12))
	buckets := w.halfOf(m)
	m.remove(func(e store.Entry) bool { return !in(buckets)(e) })
	for range 2 {
		entries, err := copyBuckets(t.Context(), from, buckets, time.Time{}, 9, func(some []store.Entry) error { return to.Import(t.Context(), some) })
		require.NoError(t, err)
		requireEqual(t, m, to)
		require.Equal(t, entries, readBuckets(t, to, buckets, time.Time{}, 1000), "with the times of recording")
	}
	require.NoError(t, to.Import(t.Context(), nil))
}

// testImportAgain has a store in which some of the entries are, and others of the same events.
func testImportAgain(t *testing.T, open func() Store) {
	from, to, w := open(), open(), manyUsers(t)
	events := w.events(10)
	here, there := newModel(), newModel()
	w.record(from, here, events[:2*len(events)/3])
	w.record(to, there, events[len(events)/3:])
	var buckets []int
	for n := range event.Buckets {
		buckets = append(buckets, n)
	}
	_, err := copyBuckets(t.Context(), from, buckets, time.Time{}, 9, func(some []store.Entry) error { return to.Import(t.Context(), some) })
	require.NoError(t, err)
	m := modelOf(t, to)
	requireEqual(t, m, to)
	for _, id := range append(here.events(), there.events()...) {
		require.Contains(t, m.events(), id)
	}
}

func testFence(t *testing.T, open func() Store) {
	s, e, other := open(), Event(1), Event(2)
	for other.Subject = "someone"; event.BucketOfID(other.ID) == event.BucketOfID(e.ID); {
		other.ID, _ = event.NewID(other.Subject) // It does not fail.
	}
	add(t, s, e)
	bucket := event.BucketOfID(e.ID)
	require.NoError(t, s.Fence(t.Context(), []int{bucket}, "eu-2", nothing))
	require.Equal(t, map[int]string{bucket: "eu-2"}, moves(t, s))

	late := change(t, e, event.StatusFailed, 1)
	for _, batch := range [][]*event.Event{{e}, {late}, {other, late}} {
		err := Append(t.Context(), s, batch)
		require.ErrorIs(t, err, store.ErrFenced)
		require.NotErrorIs(t, err, store.ErrUnavailable)
	}
	require.Equal(t, []string{e.ID}, ids(list(t, s, store.Query{Limit: 9})), "all or nothing")
	require.Empty(t, get(t, s, e.ID).Attempts)
	add(t, s, other)
	require.NoError(t, s.Fence(t.Context(), []int{bucket}, "eu-3", nothing))
	require.Equal(t, map[int]string{bucket: "eu-3"}, moves(t, s))
	require.NoError(t, s.Import(t.Context(), []store.Entry{}), "on its way back")

	require.NoError(t, s.Fence(t.Context(), []int{bucket, 7}, "", nothing))
	require.Empty(t, moves(t, s))
	add(t, s, late)
	require.Len(t, get(t, s, e.ID).Attempts, 1)
}

func testCallOff(t *testing.T, open func() Store) {
	s, broken := open(), errors.New("target is down")
	err := s.Fence(t.Context(), []int{event.BucketOfID(Event(1).ID)}, "eu-2", func(context.Context) error { return broken })
	require.ErrorIs(t, err, broken)
	require.Empty(t, moves(t, s))
	add(t, s, Event(1))
}

// testFenceWaits wants last to see all that was acknowledged, and nothing to be
// acknowledged from then on.
func testFenceWaits(t *testing.T, open func() Store) {
	s := open()
	const users = 4
	var buckets []int
	for n := range users {
		buckets = append(buckets, event.BucketOf(fmt.Sprint("user ", n)))
	}
	recorded := make([][]string, users)
	writers, ctx := errgroup.WithContext(t.Context())
	begun := make(chan struct{}, users*100)
	for n := range users {
		writers.Go(func() error {
			for {
				e := Event(n)
				e.Subject = fmt.Sprint("user ", n)
				var err error
				if e.ID, err = event.NewID(e.Subject); err != nil {
					return err
				}
				err = Append(ctx, s, []*event.Event{e})
				if errors.Is(err, store.ErrFenced) {
					return nil
				}
				if err != nil {
					return err
				}
				recorded[n] = append(recorded[n], e.ID)
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range users * 2 {
		<-begun
	}
	var seen []string
	err := s.Fence(t.Context(), buckets, "eu-2", func(ctx context.Context) error {
		entries, err := copyBuckets(ctx, s, buckets, time.Time{}, 100, func([]store.Entry) error { return nil })
		seen = idsOfLog(entries)
		return err
	})
	require.NoError(t, err)
	require.NoError(t, writers.Wait())
	require.ElementsMatch(t, slices.Concat(recorded...), seen)
}

func testDropBuckets(t *testing.T, open func() Store) {
	s, w, m := open(), manyUsers(t), newModel()
	w.record(s, m, w.events(12))
	buckets := w.halfOf(m)
	_ = s.DropFenced(t.Context(), buckets) // It may say that they are not to be dropped.
	requireEqual(t, m, s)
	require.NoError(t, s.Fence(t.Context(), buckets, "eu-2", nothing))
	for range 2 {
		require.NoError(t, s.DropFenced(t.Context(), buckets))
		m.remove(in(buckets))
		requireEqual(t, m, s)
	}
	require.Len(t, moves(t, s), len(buckets), "late events still hear of it")
}

// testMove moves half of the users while events of all are recorded, and back.
func testMove(t *testing.T, open func() Store) {
	here, there, w, m := open(), open(), manyUsers(t), newModel()
	events := w.events(14)
	w.record(here, m, events[:len(events)/2])
	buckets := w.halfOf(m)
	writer, ctx := errgroup.WithContext(t.Context())
	writer.Go(func() error {
		for _, e := range events[len(events)/2:] {
			err := Append(ctx, here, []*event.Event{e})
			if errors.Is(err, store.ErrFenced) {
				err = Append(ctx, there, []*event.Event{e})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	took := func(some []store.Entry) error { return there.Import(ctx, some) }
	_, err := copyBuckets(t.Context(), here, buckets, time.Time{}, 20, took)
	require.NoError(t, err)
	require.NoError(t, here.Fence(t.Context(), buckets, "there", func(ctx context.Context) error {
		_, err := copyBuckets(ctx, here, buckets, time.Time{}, 20, took)
		return err
	}))
	require.NoError(t, writer.Wait())
	require.NoError(t, here.DropFenced(t.Context(), buckets))
	for _, e := range events[len(events)/2:] {
		m.append(t, []*event.Event{e})
	}
	requireEqual(t, modelOf(t, here), here)
	requireEqual(t, modelOf(t, there), there)
	require.Empty(t, readBuckets(t, here, buckets, time.Time{}, 9))
	require.Len(t, readBuckets(t, there, buckets, time.Time{}, 1000), int(m.count(in(buckets))))
	require.Len(t, modelOf(t, here).rows, len(m.rows)-int(m.count(in(buckets))))

	// And back, still fenced: Append is refused until the fence is lifted.
	_, err = copyBuckets(t.Context(), there, buckets, time.Time{}, 20, func(some []store.Entry) error { return here.Import(t.Context(), some) })
	require.NoError(t, err)
	require.NoError(t, here.Fence(t.Context(), buckets, "", nothing))
	requireEqual(t, m, here)
}

func nothing(context.Context) error { return nil }

func moves(t *testing.T, s Store) map[int]string {
	t.Helper()
	all, err := s.Fences(t.Context())
	require.NoError(t, err)
	return all
}
