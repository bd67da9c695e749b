package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		buckets store.Buckets
		q       float64
		want    time.Duration
	}{
		{store.Buckets{4}, 0.5, 5 * time.Millisecond},
		{store.Buckets{2, 2}, 0.5, 10 * time.Millisecond},
		{store.Buckets{2, 2}, 0.75, 17500 * time.Microsecond},
		{store.Buckets{0, 0, 1}, 1, 50 * time.Millisecond},
		{store.Buckets{0, 0, 1}, 0, 25 * time.Millisecond},
		{store.Buckets{1, 9: 9}, 0.95, 5 * time.Minute},
		{store.Buckets{-1, 4}, 0.5, 17500 * time.Microsecond}, // While something is erased.
	} {
		got, ok := tc.buckets.Quantile(tc.q)
		require.True(t, ok)
		require.Equal(t, tc.want, got, "%v, %v", tc.buckets, tc.q)
	}
	_, ok := (&store.Buckets{}).Quantile(0.5)
	require.False(t, ok)
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	var b store.Buckets
	for _, edge := range store.BucketEdges() {
		b.Count(edge)
		b.Count(edge + 1)
	}
	b.Count(-time.Second)
	require.Equal(t, store.Buckets{2, 2, 2, 2, 2, 2, 2, 2, 2, 1}, b)
	b.Add(b, -1)
	require.Zero(t, b)
}
