package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/testsvc"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestStatementsAreSpans below what is recorded, with no value in them; a COPY, too.
func TestStatementsAreSpans(t *testing.T) {
	t.Parallel()
	url, spans := testsvc.Postgres(t), tracetest.NewRecorder(t)
	migrated(t, url)
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	const rows = 150
	ctx, batch := spans.Start(t.Context(), "batch")
	require.NoError(t, storetest.Append(ctx, s, storetest.Events(rows)))
	batch.End()
	_, err = s.Get(t.Context(), storetest.Event(0).ID)
	require.NoError(t, err)
	ctx, query := spans.Start(t.Context(), "query")
	_, err = s.Get(ctx, storetest.Event(0).ID)
	require.NoError(t, err)
	_, err = s.List(ctx, store.Query{Bot: "demo", Limit: 10})
	require.NoError(t, err)
	query.End()

	lines := spans.Lines()
	before, after := lines[:slices.Index(lines, "batch{}")], lines[slices.Index(lines, "batch{}")+1:]
	require.Contains(t, before, "copy events{db.system.name=postgresql db.operation.name=copy db.query.summary=copy events "+
		"db.collection.name=events db.operation.batch.size=150}")
	require.Contains(t, before, "commit{db.system.name=postgresql db.operation.name=commit db.query.summary=commit}")
	require.True(t, slices.ContainsFunc(before, func(line string) bool {
		return strings.Contains(line, "user_counters") && strings.Contains(line, "db.operation.batch.size=2")
	}), before)
	require.Len(t, after, 4, "the query and three statements: %s", after)
	for _, line := range after[:3] {
		require.Contains(t, line, "db.system.name=postgresql db.operation.name=select", "none of a connection")
	}
	require.NotContains(t, strings.Join(lines, "\n"), storetest.Event(0).ID)
	require.NotContains(t, strings.Join(lines, "\n"), "demo")
}
