package sqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/testlog"
)

// TestSlowStatementsAreLogged has every statement be a slow one, and none.
func TestSlowStatementsAreLogged(t *testing.T) {
	t.Parallel()
	for threshold, words := range map[time.Duration][]string{
		1: {"statement=commit", `statement="select events`, `statement="insert events"`}, 0: nil,
	} {
		var log testlog.Buffer
		s, err := sqlite.Open(t.Context(), sqlite.Config{
			Path: t.TempDir() + "/events.db", SlowStatement: threshold, Logger: log.Logger(),
		})
		require.NoError(t, err)
		require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(1)))
		_, err = s.List(t.Context(), store.Query{Limit: 10})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		for _, word := range words {
			require.Contains(t, log.String(), word)
		}
		require.NotContains(t, log.String(), storetest.Event(0).ID)
		require.Equal(t, words == nil, log.String() == "")
	}
}
