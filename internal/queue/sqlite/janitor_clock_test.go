package sqlite

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAgeClock has the wall clock be set while hours pass.
func TestAgeClock(t *testing.T) {
	t.Parallel()
	const week = 7 * 24 * time.Hour
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		// set is by how much the clock was set at the end of each hour.
		set  []time.Duration
		want time.Duration
	}{
		"left alone":               {[]time.Duration{0, 0}, 2 * time.Hour},
		"forward by a week":        {[]time.Duration{week, 0, 0}, 3 * time.Hour},
		"forward and back":         {[]time.Duration{week, -week, 0}, 3 * time.Hour},
		"back, as far as it goes":  {[]time.Duration{-time.Hour, 0}, time.Hour},
		"a second, as clocks do":   {[]time.Duration{time.Second, time.Second}, 2*time.Hour + 2*time.Second},
		"forward, then a bit back": {[]time.Duration{week, -time.Hour}, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			c := newAgeClock(slog.New(slog.NewTextHandler(&log, nil)))
			c.wall = begin
			wall, at := begin, begin
			for n, set := range tc.set {
				wall = wall.Add(time.Hour + set)
				at = c.look(wall, time.Duration(n+1)*time.Hour)
			}
			require.Equal(t, begin.Add(tc.want), at)
			require.Equal(t, tc.set[0] == week, bytes.Contains(log.Bytes(), []byte("168h0m0s")))
		})
	}
}
