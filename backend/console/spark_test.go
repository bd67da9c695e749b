package console

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSparkOfQueue: samples are at their minutes of the last hour, and what is not known is not drawn.
func TestSparkOfQueue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
	v := &visit{now: now}
	require.Nil(t, v.sparkOfQueue(nil))
	for _, c := range []struct {
		samples []queueSample
		line    string
		text    string
	}{
		{[]queueSample{{now.Add(-30 * time.Minute), 7}, {now, 1400}}, "30,14.9 60,1", "last hour: at most 1\u202f400 waited"},
		{[]queueSample{{now.Add(-2 * time.Hour), 0}, {now.Add(time.Minute), 0}}, "0,15 60,15", "last hour: at most 0 waited"},
	} {
		require.Equal(t, &spark{Line: c.line, Text: c.text}, v.sparkOfQueue(c.samples))
	}
}
