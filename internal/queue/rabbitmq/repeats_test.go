package rabbitmq

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSeenIDsForgetsWithTime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := newSeenIDs(1000, time.Minute)
	r.nowFunc = func() time.Time { return now }
	require.False(t, r.has("a"))
	r.add("a")
	now = now.Add(29 * time.Second)
	require.True(t, r.has("a"))
	r.add("b")
	now = now.Add(29 * time.Second)
	require.True(t, r.has("a"), "from the older half")
	require.True(t, r.has("b"))
	now = now.Add(time.Minute)
	require.False(t, r.has("a"))
	require.False(t, r.has("b"), "nothing outlives the window, however quiet it was")
}

func TestSeenIDsIsBounded(t *testing.T) {
	t.Parallel()
	r := newSeenIDs(10, time.Hour)
	for i := range 1000 {
		r.add(strconv.Itoa(i))
		require.LessOrEqual(t, len(r.newer)+len(r.older), 10)
		require.True(t, r.has(strconv.Itoa(max(0, i-4))), "the last half is never forgotten")
	}
	require.False(t, r.has("0"))
}

func BenchmarkSeenIDs(b *testing.B) {
	b.ReportAllocs()
	r := newSeenIDs(1<<16, time.Hour)
	ids := make([]string, 1<<17)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	for i := 0; b.Loop(); i++ {
		id := ids[i%len(ids)]
		if !r.has(id) {
			r.add(id)
		}
	}
}
