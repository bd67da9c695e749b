package sqlite

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
	"github.com/botgate/botgate/internal/event"
)

// TestPlans asks the planner about every query: none may read a table from end to end.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openPlans(t)
	require.Contains(t, plan(t, s, "select data from events")[0], "SCAN events", "the plan can be read")
	for name, sql := range map[string]string{
		"event's time": selectTime, "event": selectRows, "count": countQuery, "user": sqlstore.SelectUser, "user at": sqlstore.SelectUserAt,
		"users":   sqlstore.SelectUsers,
		"minutes": sqlstore.SelectMinutes(step(time.Minute), false), "hours of a bot": sqlstore.SelectMinutes(step(time.Hour), true),
		"claim": claimEvent, "claim earlier": claimEarlier, "time": selectEventTime, "insert": insertLog, "merge": mergeStatus,
		"count users": addUserCounts, "count bots": addBotCounts, "erased": selectErased,
		"day": selectDay, "next day": selectNextTime, "statuses of a day": deleteStatuses,
		"users of a day": deleteUserCounts, "bots of a day": deleteBotCounts,
		"entry": deleteLog, "status": deleteStatus, "about": selectAbout, "of a user": selectOfUser,
		"times of a user": updateUserTimes, "no user": deleteUserCount, "no bot": deleteBotCount,
		"buckets": selectBuckets, "bucket rows": selectBucketRows, "late buckets": selectLateBuckets,
		"remember erased": sqlstore.InsertErasure, "move": sqlstore.InsertFence, "move back": sqlstore.DeleteFence,
	} {
		requireSearches(t, name, plan(t, s, sql))
	}
}

// TestListPlans wants lists to be read in their order, too, and with the index that leaves
// the least.
func TestListPlans(t *testing.T) {
	t.Parallel()
	s := openPlans(t)
	for _, c := range []struct {
		index string
		query store.Query
	}{
		{"events_key", store.Query{}},
		{"events_bot", store.Query{Bot: "b"}},
		{"events_subject", store.Query{Subject: "s"}},
		{"events_type", store.Query{Type: "t"}},
		{"events_key", store.Query{Statuses: []event.Status{event.StatusDelivered}}},
		{"event_status_open", store.Query{Statuses: []event.Status{event.StatusDead}}},
		{"event_status_open", store.Query{Bot: "b", Statuses: []event.Status{event.StatusDead}}},
		{"event_status_open", store.Query{To: time.Unix(2, 0), Statuses: []event.Status{event.StatusScheduled}}},
		{"event_status_open", store.Query{Bot: "b", Type: "t", Statuses: []event.Status{event.StatusDead}}},
		{"events_type", store.Query{Bot: "b", Type: "t"}},
		{"events_key", store.Query{From: time.Unix(1, 0), To: time.Unix(2, 0)}},
		{"events_bot", store.Query{Bot: "b", From: time.Unix(1, 0), To: time.Unix(2, 0), Statuses: []event.Status{event.StatusDead, event.StatusDelivered}}},
		{"event_status_open", store.Query{From: time.Unix(1, 0), To: time.Unix(2, 0), Statuses: []event.Status{event.StatusDead}}},
		{"events_type", store.Query{Bot: "b", Type: "t", Statuses: []event.Status{event.StatusDelivered}}},
		{"events_key", store.Query{VerifiedBy: "jwt", OrderKey: "k", Search: "a"}},
		{"events_key", store.Query{Body: "text"}},
		{"events_bot", store.Query{Body: "text", Bot: "b"}},
		{"event_status_open", store.Query{Body: "text", Statuses: []event.Status{event.StatusDead}}},
		{"event_status_open", store.Query{Search: "a", Statuses: []event.Status{event.StatusDead}}},
		{"events_subject", store.Query{Bot: "b", Subject: "s", Type: "t", Statuses: []event.Status{event.StatusAccepted}}},
	} {
		for _, after := range []store.Position{{}, {Time: time.Now(), ID: "after"}} {
			q := c.query
			q.After, q.Oldest = after, len(after.ID) > 0 && c.query.Type == ""
			sql, args := listQuery(q)
			steps := plan(t, s, sql, args...)
			requireSearches(t, sql, steps)
			list := steps // Without what looks for the death of an event, which has few changes.
			if i := slices.Index(steps, "CORRELATED SCALAR SUBQUERY 1"); i >= 0 {
				list = steps[:i]
			}
			require.NotContains(t, list, "USE TEMP B-TREE FOR ORDER BY", sql)
			require.Contains(t, steps[0], c.index+" (", sql)
			sql, args = edgeQuery(q, 100)
			steps = plan(t, s, sql, args...)
			require.Len(t, steps, 1, sql)
			require.Contains(t, steps[0], "INDEX "+c.index, sql)
			require.Equal(t, c.index != "events_bot" && c.index != "events_type", strings.Contains(steps[0], "COVERING"), sql)
		}
	}
}

func TestLogPlans(t *testing.T) {
	t.Parallel()
	s := openPlans(t)
	for index, q := range map[string]store.LogQuery{
		"events_recorded": {Bot: "b", Type: "t"},
		"events_subject":  {Subject: "s", Bot: "b"},
	} {
		sql, args := logQuery(q)
		steps := plan(t, s, sql, args...)
		requireSearches(t, sql, steps)
		require.Contains(t, steps[0], index+" (")
		require.Equal(t, q.Subject == "", len(steps) == 1, "sorted by the index: %s", steps)
	}
}

func openPlans(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "events.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// requireSearches wants the tables to be read by an index and a key of it; the list of
// buckets and the rows of a subquery are no table.
func requireSearches(t *testing.T, name string, steps []string) {
	t.Helper()
	for _, step := range steps {
		if !slices.ContainsFunc([]string{"SCAN json_each", "SCAN (subquery", "SCAN CONSTANT ROW", "SCAN u"}, func(none string) bool { return strings.HasPrefix(step, none) }) {
			require.NotContains(t, step, "SCAN", "%s: %s", name, steps)
		}
	}
}

// plan returns the steps of a query.
func plan(t *testing.T, s *Store, sqlText string, args ...any) []string {
	t.Helper()
	steps, err := sqldb.Query(t.Context(), s.writer, func(row *sql.Rows) (step string, err error) {
		var id, parent, unused int
		return step, row.Scan(&id, &parent, &unused, &step)
	}, "explain query plan "+sqlText, append(inMicros(args), make([]any, 32)...)...)
	require.NoError(t, err)
	return steps
}
