package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
)

var tables = sqldbtest.Part[*audit.Log]{
	Name: "audit", Unavailable: audit.ErrUnavailable,
	New: func(db sqldb.DB) *audit.Log { return audit.New(db, nil) },
	Read: func(ctx context.Context, l *audit.Log) error {
		_, err := l.List(ctx, audit.Query{Limit: 1})
		return err
	},
}

func TestTables(t *testing.T) {
	t.Parallel()
	tables.Test(t)
}

func TestLog(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		l := tables.Migrated(t, fresh(t)(t))
		begun := time.Now().Truncate(time.Microsecond)
		all := []audit.Entry{
			{Phase: audit.Asked, RequestID: "r1", By: "alice", Action: "POST /v1/dead/replay", Target: "/v1/dead/replay?bot=demo"},
			{Phase: audit.Answered, RequestID: "r1", By: "alice", Action: "POST /v1/dead/replay", Target: "/v1/dead/replay?bot=demo", Status: 202, Job: "j"},
			{Phase: audit.Asked, RequestID: "r2", By: "bob", Issuer: "i", Session: "s", Address: "192.0.2.7", Bot: "demo", Action: "POST /v1/bots/{bot}/retry", Target: "/v1/bots/demo/retry"},
		}
		for _, e := range all {
			require.NoError(t, l.Append(t.Context(), e))
		}
		list := func(q audit.Query) (found []audit.Entry) {
			q.Limit = 2
			for {
				page, err := l.List(t.Context(), q)
				require.NoError(t, err)
				for _, e := range page {
					require.WithinRange(t, e.At, begun, time.Now())
					q.After = e.Position()
					e.ID, e.At = "", time.Time{}
					found = append(found, e)
				}
				if len(page) < q.Limit {
					return found
				}
			}
		}
		require.Equal(t, []audit.Entry{all[2], all[1], all[0]}, list(audit.Query{}))
		require.Equal(t, []audit.Entry{all[1], all[0]}, list(audit.Query{By: "alice"}))
		require.Equal(t, []audit.Entry{all[2]}, list(audit.Query{Bot: "demo"}))
		require.Equal(t, []audit.Entry{all[2]}, list(audit.Query{Action: all[2].Action, From: begun, To: time.Now().Add(time.Hour)}))
		require.Empty(t, list(audit.Query{To: begun}))
		require.Empty(t, list(audit.Query{From: time.Now().Add(time.Hour)}))
		require.NoError(t, l.Sweep(t.Context()))
		require.Len(t, list(audit.Query{}), 3)
	})
}
