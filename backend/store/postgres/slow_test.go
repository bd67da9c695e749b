package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestSlowStatementsAreLogged has every statement be a slow one, by name and without what it is about.
func TestSlowStatementsAreLogged(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	migrated(t, url)
	var log testlog.Buffer
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url, SlowStatement: 1, Logger: log.Logger()})
	require.NoError(t, err)
	require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(1)))
	_, err = s.List(t.Context(), store.Query{Limit: 10})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, word := range []string{"shard=main statement=commit", "shard=main statement=\"select events event_status\"", "user_counters"} {
		require.Contains(t, log.String(), word)
	}
	require.NotContains(t, log.String(), storetest.Event(0).ID)

	var quiet testlog.Buffer
	s, err = postgres.Open(t.Context(), postgres.Config{URL: url, SlowStatement: time.Hour, Logger: quiet.Logger()})
	require.NoError(t, err)
	_, err = s.List(t.Context(), store.Query{Limit: 10})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NotContains(t, quiet.String(), "took long")
}
