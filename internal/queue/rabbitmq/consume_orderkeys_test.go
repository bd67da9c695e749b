package rabbitmq

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrderKeys(t *testing.T) {
	t.Parallel()
	l := newOrderKeys[int]()
	require.True(t, l.enter("a", 1))
	require.True(t, l.enter("b", 2), "another key goes")
	require.False(t, l.enter("a", 3))
	require.False(t, l.enter("a", 4))

	next, ok := l.leave("a", 1)
	require.True(t, ok)
	require.Equal(t, 3, next, "in the order of arrival")
	require.False(t, l.enter("a", 5), "the key is taken again")
	_, ok = l.leave("a", 4)
	require.False(t, ok, "one that waits frees nothing")
	next, ok = l.leave("a", 3)
	require.True(t, ok)
	require.Equal(t, 5, next)
	_, ok = l.leave("a", 5)
	require.False(t, ok)
	_, ok = l.leave("a", 5)
	require.False(t, ok, "it has left before")
	require.True(t, l.enter("a", 6), "a free key goes")

	l.leave("a", 6)
	l.leave("b", 2)
	require.Empty(t, l.queued, "nothing is kept of keys that nobody uses")
}
