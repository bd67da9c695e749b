package bottoken

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// hours is that many hours after the start.
func hours(n float64) time.Time { return start.Add(time.Duration(n * float64(time.Hour))) }

func named(id string, published, signsFrom float64, ttl time.Duration) key {
	return key{id: id, published: hours(published), signsFrom: hours(signsFrom), ttl: ttl}
}

// TestSchedule follows the keys of a schedule that rotates every 100 hours, with an overlap
// of 2 hours and tokens of one hour.
func TestSchedule(t *testing.T) {
	t.Parallel()
	const ttl = time.Hour
	s := schedule{rotate: 100 * time.Hour, overlap: 2 * time.Hour, ttl: ttl}
	a, b, long := named("a", 0, 0, ttl), named("b", 98, 100, ttl), named("a", 0, 0, 10*time.Hour)
	quick := named("a", 0, 0, time.Minute)
	tests := map[string]struct {
		keys  []key
		hours float64
		want  []key
		signs string
	}{
		"the first one signs at once":       {nil, 0, []key{named("new", 0, 0, ttl)}, "new"},
		"nothing is due":                    {[]key{a}, 97.9, []key{a}, "a"},
		"the next one is published":         {[]key{a}, 98, []key{a, named("new", 98, 100, ttl)}, "a"},
		"it does not sign yet":              {[]key{a, b}, 99.9, []key{a, b}, "a"},
		"it signs":                          {[]key{a, b}, 100, []key{a, b}, "b"},
		"tokens of the old one are around":  {[]key{a, b}, 102.9, []key{a, b}, "b"},
		"the old one is dropped":            {[]key{a, b}, 103, []key{b}, "b"},
		"it signed longer tokens":           {[]key{long, b}, 109.9, []key{long, b}, "b"},
		"it signed longer tokens, dropped":  {[]key{long, b}, 112, []key{b}, "b"},
		"the process was away":              {[]key{a}, 500, []key{a, named("new", 500, 502, ttl)}, "a"},
		"it was away with one published":    {[]key{a, b}, 500, []key{b, named("new", 500, 502, ttl)}, "b"},
		"the clock was set back":            {[]key{b}, 50, []key{b}, "b"},
		"tokens are longer than they were":  {[]key{quick}, 1, []key{a}, "a"},
		"tokens are shorter than they were": {[]key{long}, 1, []key{long}, "a"},
		"a key that is over stays as it is": {[]key{quick, b}, 101, []key{quick, b}, "b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.next(tt.keys, hours(tt.hours), func() key { return key{id: "new"} })
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.signs, signing(got, hours(tt.hours)).id)
		})
	}
}

// TestShorterRotation takes effect at once.
func TestShorterRotation(t *testing.T) {
	t.Parallel()
	s := schedule{rotate: 5 * time.Hour, overlap: time.Hour, ttl: time.Hour}
	got := s.next([]key{named("a", 0, 0, time.Hour)}, hours(50), func() key { return key{id: "new"} })
	require.Len(t, got, 2)
	require.Equal(t, hours(51), got[1].signsFrom)
}
