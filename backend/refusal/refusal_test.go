package refusal_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

var tables = sqldbtest.Part[*refusal.Log]{
	Name: "refusals", Unavailable: refusal.ErrUnavailable,
	New: func(db sqldb.DB) *refusal.Log { return refusal.New(db, nil) },
	Read: func(ctx context.Context, l *refusal.Log) error {
		_, err := l.Sum(ctx, refusal.Query{Step: time.Minute})
		return err
	},
}

func TestTables(t *testing.T) {
	t.Parallel()
	tables.Test(t)
}

// minute is one of today.
var minute = time.Now().UTC().Add(-time.Hour).Truncate(time.Minute)

func mismatch(bot string) report.Refusal {
	return report.Refusal{Handler: "bot_signature", Reason: "signature_mismatch", Platform: "github", Bot: bot}
}

func reported(id, gateway string, at time.Time, counts ...report.Count) *report.Report {
	r := &report.Report{ID: id, Gateway: gateway, At: at, Counts: counts}
	for i, c := range counts {
		r.Samples = append(r.Samples, report.Sample{
			Refusal: c.Refusal, At: at.Add(time.Duration(i) * time.Second), RequestID: id, Method: "POST", Path: "/x", Client: "192.0.2.7", User: "alice",
		})
	}
	return r
}

func all(what report.Refusal) refusal.Query {
	return refusal.Query{Refusal: what, From: minute.Add(-time.Hour), To: minute.Add(time.Hour), Step: time.Hour, Samples: 200}
}

func sum(t *testing.T, l *refusal.Log, q refusal.Query) *refusal.Result {
	t.Helper()
	found, err := l.Sum(t.Context(), q)
	require.NoError(t, err)
	return found
}

func TestSum(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		l := tables.Migrated(t, fresh(t)(t))
		expired := report.Refusal{Handler: "bot_jwt", Reason: "expired"}
		first := reported("a", "g1", minute.Add(5*time.Second), report.Count{Refusal: mismatch("demo"), Count: 3}, report.Count{Refusal: expired, Count: 9, Lumped: 2})
		for range 2 { // It counts once, however often the queue brings it.
			require.NoError(t, l.Add(t.Context(), first))
		}
		require.NoError(t, l.Add(t.Context(), reported("b", "g2", minute.Add(61*time.Second), report.Count{Refusal: mismatch("demo"), Count: 2})))
		require.NoError(t, l.Add(t.Context(), reported("c", "g2", minute.Add(61*time.Second), report.Count{Refusal: mismatch("other"), Count: 1})))
		require.NoError(t, l.Add(t.Context(), reported("old", "g2", minute.Add(-8*24*time.Hour), report.Count{Refusal: mismatch("demo"), Count: 100})))

		found := sum(t, l, all(report.Refusal{}))
		require.Equal(t, []int64{15, 2, 0}, []int64{found.Total, found.Lumped, found.Others})
		require.Equal(t, []refusal.Group{
			{Count: report.Count{Refusal: expired, Count: 9, Lumped: 2}, First: minute, Last: minute},
			{Count: report.Count{Refusal: mismatch("demo"), Count: 5}, First: minute, Last: minute.Add(time.Minute)},
			{Count: report.Count{Refusal: mismatch("other"), Count: 1}, First: minute.Add(time.Minute), Last: minute.Add(time.Minute)},
		}, found.Groups)
		require.Len(t, found.Samples, 4)
		require.Equal(t, "g2", found.Samples[0].Gateway)
		require.Equal(t, refusal.Sample{Sample: first.Samples[0], Gateway: "g1"}, found.Samples[3])
		require.Zero(t, found.SearchedTo)

		q := all(report.Refusal{Bot: "demo"})
		q.Step = time.Minute
		found = sum(t, l, q)
		require.Equal(t, []refusal.Point{{At: minute, Count: 3}, {At: minute.Add(time.Minute), Count: 2}}, found.Points)
		require.Len(t, found.Samples, 2, "of this bot alone")
		require.EqualValues(t, 6, sum(t, l, all(report.Refusal{Handler: "bot_signature"})).Total)
		require.EqualValues(t, 9, sum(t, l, all(report.Refusal{Reason: "expired"})).Total)
		require.Zero(t, sum(t, l, all(report.Refusal{Platform: "slack"})).Total)

		minutes, err := l.Minutes(t.Context(), minute.Add(time.Second), 100)
		require.NoError(t, err)
		require.Equal(t, minute.Add(time.Minute), minutes[0].At)
		require.Equal(t, minute, minutes[3].At, "a minute is there as a whole")
		require.Len(t, minutes, 4)
		few, err := l.Minutes(t.Context(), minute.Add(-time.Hour), 1)
		require.NoError(t, err)
		require.Equal(t, minutes[:1], few)

		require.NoError(t, l.Erase(t.Context(), "nobody"))
		require.Len(t, sum(t, l, all(report.Refusal{})).Samples, 4)
		require.NoError(t, l.Erase(t.Context(), "alice"))
		require.Empty(t, sum(t, l, all(report.Refusal{})).Samples)
		require.NoError(t, l.Sweep(t.Context()))
		require.EqualValues(t, 15, sum(t, l, all(report.Refusal{})).Total)
	})
}

// TestFloods has one reason of one gateway have its own samples replaced, and no others.
func TestFloods(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		l := tables.Migrated(t, fresh(t)(t))
		require.NoError(t, l.Add(t.Context(), reported("rare", "g2", minute, report.Count{Refusal: mismatch("demo"), Count: 1})))
		require.NoError(t, l.Add(t.Context(), reported("other", "g1", minute, report.Count{Refusal: report.Refusal{Handler: "bot_jwt", Reason: "expired"}, Count: 1})))
		for i := range 120 {
			require.NoError(t, l.Add(t.Context(), reported(fmt.Sprintf("flood-%03d", i), "g1", minute.Add(time.Duration(i)*time.Second), report.Count{Refusal: mismatch("demo"), Count: 1000})))
		}
		found := sum(t, l, all(report.Refusal{}))
		require.EqualValues(t, 120_002, found.Total)
		require.Len(t, found.Samples, 102)
		require.Equal(t, "flood-119", found.Samples[0].RequestID)
		hostile := reported("hostile", strings.Repeat("g", 1000), minute, report.Count{Refusal: mismatch("a\x00b"), Count: 1})
		hostile.Samples[0].Path = strings.Repeat("\xff", 1000)
		require.NoError(t, l.Add(t.Context(), hostile))
	})
}

// TestBudget looks through so many rows, and says how far it came.
func TestBudget(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		db := fresh(t)(t)
		l := tables.Migrated(t, db)
		const kinds = 100
		_, err := db.Writer.ExecContext(t.Context(), `insert into refusals (minute, handler, reason, platform, bot, count, lumped)
with recursive m(n) as (select 0 union all select n + 1 from m where n < 299), k(n) as (select 0 union all select n + 1 from k where n < 99)
select cast($1 as bigint) - cast(m.n as bigint) * 60000000, 'h', cast(k.n as text), '', '', 1, 0 from m cross join k`, minute.UnixMicro())
		require.NoError(t, err)
		q := refusal.Query{From: minute.Add(-24 * time.Hour), To: minute.Add(time.Minute), Step: time.Hour}
		found := sum(t, l, q)
		require.Equal(t, minute.Add(-248*time.Minute), found.SearchedTo)
		require.EqualValues(t, 249*kinds, found.Total)
		require.Len(t, found.Groups, kinds)
		q.To = found.SearchedTo
		rest := sum(t, l, q)
		require.Zero(t, rest.SearchedTo)
		require.EqualValues(t, 51*kinds, rest.Total)
	})
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		l := tables.New(fresh(t)(t))
		err := l.Add(t.Context(), reported("a", "g", minute))
		require.ErrorIs(t, err, refusal.ErrUnavailable)
		require.ErrorIs(t, err, store.ErrUnavailable, "record tries again")
	})
}

// TestLimits has the newest of each gateway, and of an erased user nothing.
func TestLimits(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		l := tables.Migrated(t, fresh(t)(t))
		now := time.Now().UTC().Truncate(time.Microsecond)
		limits := func(id, gateway string, at time.Time, burst int) *report.Report {
			return &report.Report{ID: id, Gateway: gateway, At: at, Limits: &report.Limits{
				Zones:     []report.Zone{{Name: "user", Key: "k", Rate: "1/s", Burst: burst}},
				Offenders: []report.Offender{{Zone: "user", Key: "alice", Refused: 3, First: at, Last: at}},
			}}
		}
		for _, r := range []*report.Report{
			limits("a", "g1", now, 2), limits("b", "g1", now.Add(-time.Minute), 1), limits("c", "g2", now.Add(-time.Minute), 3),
			limits("d", "gone", now.Add(-3*time.Hour), 4),
			{ID: "e", Gateway: "g2", At: now},
		} {
			require.NoError(t, l.Add(t.Context(), r))
		}
		found, err := l.Limits(t.Context())
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, []any{"g1", now, 2, "g2", 3}, []any{found[0].Gateway, found[0].At, found[0].Zones[0].Burst, found[1].Gateway, found[1].Zones[0].Burst})
		require.Equal(t, "alice", found[0].Offenders[0].Key)
		require.NoError(t, l.Erase(t.Context(), "alice"))
		found, err = l.Limits(t.Context())
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Empty(t, found[0].Offenders)
		require.Equal(t, 2, found[0].Zones[0].Burst)
	})
}

// TestProcesses has each as it reported last, a gateway beside the backend in its process.
func TestProcesses(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, fresh func(t *testing.T) sqldbtest.Open) {
		l := tables.Migrated(t, fresh(t)(t))
		now := time.Now().UTC().Truncate(time.Microsecond)
		gateway := func(status string) *report.Process {
			return &report.Process{Service: "botgate", Version: "1", StartedAt: now, Status: status, Checks: map[string]string{"queue": "ok"}}
		}
		for _, r := range []*report.Report{
			{ID: "a", Gateway: "host/1", At: now.Add(-time.Second), Process: gateway("ready")},
			{ID: "b", Gateway: "host/1", At: now.Add(-time.Minute), Process: gateway("not ready")},
			{ID: "c", Gateway: "host/2", At: now.Add(-10 * time.Minute), Process: gateway("ready")},
			{ID: "d", Gateway: "host/3", At: now},
		} {
			require.NoError(t, l.Add(t.Context(), r))
		}
		require.NoError(t, l.Saw(t.Context(), "host/1", &report.Process{Service: "botgate-backend", Version: "1", Roles: []string{"api"}, Status: "degraded"}))
		found, err := l.Processes(t.Context())
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, refusal.Process{Process: *gateway("ready"), Instance: "host/1", SeenAt: now.Add(-time.Second)}, found[0])
		require.Equal(t, []any{"botgate-backend", "host/1", "degraded"}, []any{found[1].Service, found[1].Instance, found[1].Status})
		require.NoError(t, l.Sweep(t.Context()))
	})
}
