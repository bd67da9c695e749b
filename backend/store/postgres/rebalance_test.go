package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestFence(t *testing.T) {
	t.Parallel()
	from, to := migrated(t, testsvc.Postgres(t)), migrated(t, testsvc.Postgres(t))
	source := seeded(t)
	events := life(t, source, 100)
	appendAll(t, from, source, events)
	buckets := make([]int, event.Buckets/2)
	for i := range buckets {
		buckets[i] = i
	}
	copyAll := func(since time.Time) {
		after := store.Position{}
		for {
			entries, err := from.ReadBuckets(t.Context(), buckets, after, since, 7)
			require.NoError(t, err)
			if len(entries) == 0 {
				return
			}
			require.NoError(t, to.Import(t.Context(), entries))
			last := entries[len(entries)-1]
			after = store.Position{Time: last.EventTime, ID: last.ID}
		}
	}
	copyAll(time.Time{})
	refused := errors.New("not yet")
	require.ErrorIs(t, from.Fence(t.Context(), buckets, "b", func(context.Context) error { return refused }), refused)
	before := time.Now()
	appendAll(t, from, source, []*event.Event{at("more-1", "dave", noon), at("more-2", "dave", noon)})
	require.NoError(t, from.Fence(t.Context(), buckets, "b", func(context.Context) error { copyAll(before.Add(-time.Minute)); return nil }))
	moves, err := from.Fences(t.Context())
	require.NoError(t, err)
	require.Len(t, moves, len(buckets))

	var gone *event.Event
	for _, e := range events {
		if !e.IsChange() && event.BucketOfID(e.ID) < len(buckets) {
			gone = e
		}
	}
	_, err = storetest.Record(t.Context(), from, []*event.Event{gone})
	require.ErrorIs(t, err, store.ErrFenced)
	require.NotErrorIs(t, err, store.ErrUnavailable)

	all := listed(t, from, store.Query{})
	moved := listed(t, to, store.Query{})
	require.NotEmpty(t, moved)
	for _, id := range moved {
		a, err := from.Get(t.Context(), id)
		require.NoError(t, err)
		b, err := to.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, a, b)
	}
	require.NoError(t, from.DropFenced(t.Context(), buckets))
	require.ElementsMatch(t, all, append(moved, listed(t, from, store.Query{})...))
	require.Error(t, from.DropFenced(t.Context(), []int{event.Buckets - 1}), "not fenced")

	require.NoError(t, from.Fence(t.Context(), buckets, "", func(context.Context) error { return nil }))
	require.NoError(t, storetest.Append(t.Context(), from, []*event.Event{gone}))
}
