package pooled_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/pooled"
)

type value struct{ closed int }

func (v *value) Close() error {
	v.closed++
	return nil
}

func TestLastOneClosesTheValue(t *testing.T) {
	t.Parallel()
	pool := pooled.New[string, *value]()
	opened := 0
	open := func() (*value, error) {
		opened++
		return new(value), nil
	}
	first, err := pool.Acquire("a", open)
	require.NoError(t, err)
	second, err := pool.Acquire("a", open)
	require.NoError(t, err)
	require.Same(t, first, second)
	other, err := pool.Acquire("b", open)
	require.NoError(t, err)
	require.NotSame(t, first, other)
	require.Equal(t, 2, opened)
	inUse := 0
	pool.Each(func(*value) { inUse++ })
	require.Equal(t, 2, inUse)

	require.NoError(t, pool.Release("a"))
	require.Zero(t, first.closed)
	require.NoError(t, pool.Release("a"))
	require.Equal(t, []int{1, 0}, []int{first.closed, other.closed})
}

func TestValueThatCannotBeOpenedIsNotKept(t *testing.T) {
	t.Parallel()
	pool := pooled.New[int, *value]()
	failed := errors.New("no")
	_, err := pool.Acquire(1, func() (*value, error) { return nil, failed })
	require.ErrorIs(t, err, failed)
	v, err := pool.Acquire(1, func() (*value, error) { return new(value), nil })
	require.NoError(t, err)
	require.NoError(t, pool.Release(1))
	require.Equal(t, 1, v.closed)
}
