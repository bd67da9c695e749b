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
	ages := map[string]time.Time{}
	for i := range 1000 {
		now = now.Add(time.Duration(i*i%17) * time.Second)
		id := strconv.Itoa(i)
		require.False(t, r.has(id))
		r.add(id)
		ages[id] = now
		for id, at := range ages {
			age := now.Sub(at)
			require.True(t, age > time.Minute || r.has(id), "forgotten after %s", age)
			if age > 75*time.Second {
				require.False(t, r.has(id), "remembered for %s", age)
				delete(ages, id)
			}
		}
	}
	now = now.Add(76 * time.Second)
	require.False(t, r.has("999"), "nothing outlives the window for long, however quiet it was")
}

func TestSeenIDsIsBounded(t *testing.T) {
	t.Parallel()
	r := newSeenIDs(10, time.Hour)
	for i := range 1000 {
		r.add(strconv.Itoa(i))
		total := 0
		for _, generation := range r.ids {
			total += len(generation)
		}
		require.LessOrEqual(t, total, 10)
		require.True(t, r.has(strconv.Itoa(max(0, i-7))), "four fifths are never forgotten")
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
