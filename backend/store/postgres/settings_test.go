package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// TestSynchronousCommit runs on a server whose own default is off: what is acknowledged
// must not depend on that.
func TestSynchronousCommit(t *testing.T) {
	t.Parallel()
	url := testsvc.Postgres(t)
	for parameter, want := range map[string]string{"": "on", "&synchronous_commit=local": "local"} {
		s, err := Open(t.Context(), Config{URL: url + parameter})
		require.NoError(t, err)
		var got string
		require.NoError(t, s.primary().QueryRow(t.Context(), "show synchronous_commit").Scan(&got))
		require.Equal(t, want, got)
		require.NoError(t, s.Close())
	}
}
