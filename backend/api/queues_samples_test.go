package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

func TestDepthSamples(t *testing.T) {
	t.Parallel()
	s := newDepthSamples(6)
	begin := at.Truncate(time.Minute)
	sample := func(n int, depths map[queue.Group]int64) { s.add(begin.Add(time.Duration(n)*sampleEvery), depths) }
	for n := range 4 {
		sample(n, map[queue.Group]int64{queue.Record: int64(n)})
	}
	points := func(group queue.Group, from int, step time.Duration) string {
		text := ""
		for _, p := range s.since(group, begin.Add(time.Duration(from)*sampleEvery), step) {
			text += fmt.Sprintf("%d:%d ", p.At.Sub(begin)/sampleEvery, p.Waiting)
		}
		return text
	}
	require.Equal(t, "0:0 1:1 2:2 3:3 ", points(queue.Record, 0, sampleEvery))
	require.Equal(t, "2:2 3:3 ", points(queue.Record, 2, sampleEvery))
	require.Equal(t, "0:1 2:3 ", points(queue.Record, 0, 2*sampleEvery), "the most of a step")
	require.Empty(t, points(queue.Dead, 0, sampleEvery))
	for n := 4; n < 9; n++ {
		sample(n, map[queue.Group]int64{queue.Dead: int64(n)})
	}
	require.Equal(t, "3:3 ", points(queue.Record, 0, sampleEvery), "the ring has six, and the last five do not know")
	require.Equal(t, "4:4 5:5 6:6 7:7 8:8 ", points(queue.Dead, 0, sampleEvery))
	for n := range 2 * maxSampled {
		sample(9+n, map[queue.Group]int64{queue.OfBot(fmt.Sprint(n)): 1 << 40})
	}
	require.Len(t, s.depths, maxSampled)
	sample(999, map[queue.Group]int64{queue.Dead: 1 << 40})
	require.Equal(t, "999:2147483647 ", points(queue.Dead, 0, sampleEvery))
}

// TestQueuesOverTime has what waited in each queue that the caller may see.
func TestQueuesOverTime(t *testing.T) {
	t.Parallel()
	a, err := New(botsConfig(nil))
	require.NoError(t, err)
	a.Close() // It takes no samples of its own, and answers as before.
	begin := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	for n := range 12 {
		a.samples.add(begin.Add(time.Duration(n)*sampleEvery), map[queue.Group]int64{queue.Record: int64(n), queue.OfBot("demo"): int64(2 * n)})
	}
	body := ask(t, a, "GET", "/v1/queues?from=2h&step=1m").Body.String()
	second := begin.Add(time.Minute).Format(time.RFC3339)
	require.Contains(t, body, `{"at":"`+second+`","waiting":11}`)
	require.Contains(t, body, `{"at":"`+second+`","waiting":22}`)
	require.NotContains(t, ask(t, a, "GET", "/v1/queues").Body.String(), "samples")
	ofOther := askAs(t, a, "GET", "/v1/queues?from=2h", "other").Body.String()
	require.Contains(t, ofOther, `"samples":[]`)
	require.NotContains(t, ofOther, `"waiting":22`)
	for _, bad := range []string{"?from=25h", "?step=1m", "?from=2h&step=1s", "?from=2h&step=3ms", "?from=2000-01-01T00:00:00Z"} {
		requireProblem(t, ask(t, a, "GET", "/v1/queues"+bad), 400, "malformed")
	}
}
