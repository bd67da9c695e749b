package turns_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/turns"
)

func TestBulkGoesWhenNothingElseWaitsAndOnceInAWhile(t *testing.T) {
	t.Parallel()
	var turn turns.Turns
	next := func(others, bulk bool) bool {
		is := turn.IsOfBulk(others, bulk)
		turn.Went(is, bulk)
		return is
	}
	require.True(t, next(false, true))
	require.False(t, next(true, false))
	for round := range 3 {
		for n := range 15 {
			require.False(t, next(true, true), "%d %d", round, n)
			require.False(t, next(true, false), "what nobody waits for is not counted")
		}
		require.True(t, next(true, true))
	}
}
