package recurring_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/recurring"
)

func TestOneLineAPeriod(t *testing.T) {
	t.Parallel()
	var c recurring.Count
	began := time.Now()
	again := func(after time.Duration) int {
		times, isDue := c.Again(began.Add(after))
		require.Equal(t, isDue, times > 0)
		return times
	}
	over := func() int {
		times, since := c.Over()
		require.Equal(t, times > 0, since.Equal(began))
		return times
	}
	require.Zero(t, over(), "it never happened")
	require.Equal(t, 1, again(0))
	require.Zero(t, again(time.Second))
	require.Zero(t, again(recurring.Period-1))
	require.Equal(t, 3, again(recurring.Period))
	require.Equal(t, 4, over())
	require.Zero(t, over())

	require.Zero(t, again(recurring.Period+1), "it was logged a moment ago")
	require.Zero(t, over(), "nothing was said that has an end")
	require.Equal(t, 2, again(2*recurring.Period))
}
