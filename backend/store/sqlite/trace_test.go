package sqlite_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestStatementsAreSpans below what is recorded; a batch is one, whose statements are short.
func TestStatementsAreSpans(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewRecorder(t)
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: t.TempDir() + "/events.db"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, storetest.Append(t.Context(), s, storetest.Events(1)))
	ctx, _ := spans.Start(t.Context(), "request")
	require.NoError(t, storetest.Append(ctx, s, storetest.Events(3)))
	_, err = s.List(ctx, store.Query{Bot: "private", Limit: 10})
	require.NoError(t, err)
	lines := spans.Lines()
	require.NotEmpty(t, lines)
	for name, more := range map[string]string{
		"commit": "", "insert events": " db.collection.name=events db.operation.batch.size=3",
	} {
		operation, _, _ := strings.Cut(name, " ")
		require.Contains(t, lines, name+"{db.system.name=sqlite db.operation.name="+operation+" db.query.summary="+name+more+"}")
	}
	require.Contains(t, lines[len(lines)-1], "select events", "the list comes last")
	require.NotContains(t, strings.Join(lines, "\n"), "private")
}
