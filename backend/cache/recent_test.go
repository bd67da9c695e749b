package cache

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRecentKnowsKeysForTheWindow(t *testing.T) {
	t.Parallel()
	const window = time.Second
	r := newRecent(window)
	written := map[string]time.Duration{}
	var now time.Duration
	for range 100_000 {
		now += rand.N(window / 10)
		key := strconv.Itoa(rand.N(200))
		if rand.N(2) == 0 {
			r.add(key, now)
			written[key] = now
		}
		key = strconv.Itoa(rand.N(200))
		at, ever := written[key]
		if ever && now-at < window {
			require.True(t, r.has(key, now))
		}
		if !ever || now-at > 3*window {
			require.False(t, r.has(key, now))
		}
	}
}

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	r := newRecent(time.Minute)
	for i := range 3 * maxRecent {
		r.add(strconv.Itoa(i), 0)
	}
	require.LessOrEqual(t, len(r.young)+len(r.old), 2*maxRecent)
	require.True(t, r.has("never written", time.Minute-1), "rather all than one too few")
	require.False(t, r.has("never written", time.Minute))
	none := newRecent(0)
	none.add("key", 0)
	require.False(t, none.has("key", 0))
	require.Empty(t, none.young)
}
