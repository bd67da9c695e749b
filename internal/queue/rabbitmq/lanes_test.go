package rabbitmq

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLanes(t *testing.T) {
	t.Parallel()
	l := newLanes[int]()
	require.True(t, l.enter("a", 1))
	require.True(t, l.enter("b", 2), "another key goes")
	require.False(t, l.enter("a", 3))
	require.False(t, l.enter("a", 4))

	next, ok := l.leave("a")
	require.True(t, ok)
	require.Equal(t, 3, next, "in the order of arrival")
	require.False(t, l.enter("a", 5), "the key is taken again")
	for _, want := range []int{4, 5} {
		next, ok = l.leave("a")
		require.True(t, ok)
		require.Equal(t, want, next)
	}
	_, ok = l.leave("a")
	require.False(t, ok)
	require.True(t, l.enter("a", 6), "a free key goes")

	l.leave("a")
	l.leave("b")
	require.Empty(t, l.waiting, "nothing is kept of keys that nobody uses")
}
