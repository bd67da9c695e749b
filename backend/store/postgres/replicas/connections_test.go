package replicas

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnectionsOfAllProcesses(t *testing.T) {
	t.Parallel()
	own := applicationName(20)
	b := connectionBudget{own: 21, limit: 97}
	b.add(own, 3, own)
	b.add("botgate/51/abc", 1, own)
	b.add("botgate/x/abc", 1, own)
	b.add("psql", 4, own)
	b.add("", 2, own)
	require.Equal(t, connectionBudget{own: 21, limit: 97, total: 72, processes: 2, others: 7}, b)
	require.True(t, b.enough())
	require.NoError(t, b.err())
	b.add("botgate/21/def", 9, own)
	require.False(t, b.enough())
	require.NoError(t, b.err())
	require.ErrorContains(t, connectionBudget{own: 98, limit: 97}.err(), "the pool")
	require.NotEqual(t, own, applicationName(20))
}
