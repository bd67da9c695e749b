package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/testsvc"
)

const (
	// logDays is over how many days the log of these tests is spread.
	logDays = 12
	// rareEvents is how many events end in each of the rare statuses, and kinds the number of
	// combinations of bots and types. Sizes of a log are multiples of both: only then the rare
	// events of any log are of the same bots and types, so that a use sends as many statements.
	rareEvents, kinds = 60, 15
	small, large      = 7_200, 36_000
)

var firstDay = store.Day(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))

// middle is the number of an event in the middle of the middle day.
func middle(events int) int { return (events/logDays)*(logDays/2) + events/logDays/2 }

func logTime(n, events int) time.Time {
	perDay := events / logDays
	return firstDay.Add(time.Duration(n/perDay) * 24 * time.Hour).Add(24 * time.Hour / time.Duration(perDay) * time.Duration(n%perDay)).Truncate(time.Microsecond)
}

func logID(n int) string { return fmt.Sprintf("event-%09d", n) }

// fillLog records events and one change of each: nearly all are delivered, one in 500 is of
// a rare bot and type, and there are always as many dead and waiting ones. It puts them into
// the log itself, and has the read models made of it.
func fillLog(t testing.TB, s *Store, events int) {
	t.Helper()
	require.Zero(t, events%(rareEvents*kinds))
	ctx := t.Context()
	days := make([]time.Time, logDays)
	for i := range days {
		days[i] = firstDay.Add(time.Duration(i) * 24 * time.Hour)
	}
	require.NoError(t, s.prepareDays(ctx, days))
	perDay := events / logDays
	for i, day := range days {
		_, err := s.primary().Exec(ctx, `insert into events (event_time, time, recorded_at, attempt, replays, took_ms, bucket, status, id, ref, bot, type,
	subject, order_key, verified_by, trace_parent, content_type, data)
select at, at, at, case when change then 1 end, case when change then 0 end, case when change then 5 end, n % 1024,
	case when not change then 10 when n % ($3::int / 60) = n / ($3::int / 60) % 15 then 30 else 40 end,
	'event-' || lpad(n::text, 9, '0') || case when change then '-c' else '' end, case when change then 'event-' || lpad(n::text, 9, '0') end,
	case when n % 500 = 0 then 'rare' else 'bot' || n % 5 end, case when n % 500 = 0 then 'rare' else 'type' || n % 3 end,
	'user-' || n / 60, 'k', 'jwt', '', 'application/json', convert_to('{"event_id":"event-' || lpad(n::text, 9, '0') || '","status":"delivered","attempt":1}', 'UTF8')
from (select n, $1::timestamptz + (interval '24 hours' / $2::int) * (n % $2::int) as at, change
	from generate_series($4::int, $4::int + $2::int - 1) n, (values (false), (true)) c (change)) e
where not (change and n % ($3::int / 60) = 20 + n / ($3::int / 60) % 15)`, day, perDay, events, i*perDay)
		require.NoError(t, err)
		_, err = s.Rebuild(ctx, day)
		require.NoError(t, err)
	}
	_, err := s.primary().Exec(ctx, "vacuum analyze")
	require.NoError(t, err)
}

// sent is a statement that a method sent to the server.
type sent struct {
	sql  string
	args []any
}

// recorder is a tracer that notes statements.
type recorder struct {
	mutex sync.Mutex
	all   []sent
}

func (r *recorder) note(sql string, args []any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	args = slices.DeleteFunc(slices.Clone(args), func(a any) bool { _, mode := a.(pgx.QueryExecMode); return mode })
	r.all = append(r.all, sent{sql, args})
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	r.note(d.SQL, d.Args)
	return ctx
}
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	r.note(d.SQL, d.Args)
}
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// one is a database of one server.
type one struct{ *pgxpool.Pool }

func (o one) Primary() *pgxpool.Pool { return o.Pool }
func (one) Copy(ctx context.Context, _ string, _ int, run func(context.Context) error) error {
	return run(ctx)
}
func (o one) CheckConnections(context.Context) error { return nil }
func (o one) Read(ctx context.Context, read func(context.Context, *pgxpool.Pool) error) error {
	return read(ctx, o.Pool)
}

// traced opens a migrated store that notes its statements.
func traced(t testing.TB) (*Store, *recorder) {
	t.Helper()
	settings, err := pgxpool.ParseConfig(testsvc.Postgres(t))
	require.NoError(t, err)
	noted := &recorder{}
	settings.ConnConfig.Tracer = noted
	pool, err := pgxpool.NewWithConfig(t.Context(), settings)
	require.NoError(t, err)
	s := newStore(one{pool}, Config{StatementTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s, noted
}

// uses has a use of each method, by name; several where it chooses its statement. They
// ask for the same on a small and on a large log.
func uses(t testing.TB, s *Store, events int) map[string][]func() error {
	ctx, n := t.Context(), middle(events)
	here := logTime(n, events)
	drop := func(_ any, err error) error { return err }
	uses := map[string][]func() error{
		"Append": {func() error {
			replay, err := event.NewReplay(storetest.Event(3), 1, here)
			require.NoError(t, err)
			return storetest.Append(ctx, s, append(storetest.Events(20), replay))
		}, func() error {
			s.copyFrom = 1
			defer func() { s.copyFrom = copyFrom }()
			replay, err := event.NewReplay(storetest.Event(3), 2, here)
			require.NoError(t, err)
			return storetest.Append(ctx, s, append(storetest.Events(40)[20:], replay))
		}},
		"Get": {func() error { return drop(s.Get(ctx, logID(n))) }},
		"User": {
			func() error { return drop(s.User(ctx, store.UserQuery{Subject: "user-10"})) },
			func() error { return drop(s.User(ctx, store.UserQuery{Subject: "user-10", Bot: "bot1", At: here})) },
		},
		"Stats": {
			func() error { return drop(s.Stats(ctx, store.StatsQuery{From: here, To: here.Add(5 * time.Minute)})) },
			func() error {
				return drop(s.Stats(ctx, store.StatsQuery{Bot: "bot1", From: here, To: here.Add(5 * time.Minute)}))
			},
		},
		"Count":   {func() error { return drop(s.Count(ctx, event.StatusDead, 10)) }},
		"Retain":  {func() error { return drop(s.Retain(ctx, sqlstore.NextDay(firstDay))) }},
		"Days":    {func() error { return drop(s.Days(ctx)) }},
		"Rebuild": {func() error { return drop(s.Rebuild(ctx, here)) }},
		"Erase":   {func() error { return drop(s.Erase(ctx, "user-11", here.Add(240*time.Hour), nil)) }},
		"ReadBuckets": {func() error {
			return drop(s.ReadBuckets(ctx, []int{1, 2}, store.Position{Time: here}, here, 10))
		}},
		"Import":   {func() error { return nil }}, // Has the statements of Append.
		"Fences":   {func() error { return drop(s.Fences(ctx)) }},
		"Erasures": {func() error { return drop(s.Erasures(ctx, nil, 100)) }},
		"ImportErasures": {func() error {
			return s.ImportErasures(ctx, []store.Erasure{{Hash: store.HashSubject("nobody"), Before: here}})
		}},
		"LockMoves": {func() error {
			lock, err := s.LockMoves(ctx)
			if err != nil {
				return err
			}
			return errors.Join(lock.Held(ctx), lock.Unlock())
		}},
		"Fence": {
			func() error { return s.Fence(ctx, []int{7}, "", func(context.Context) error { return nil }) },
			func() error { return s.Fence(ctx, []int{5}, "b", func(context.Context) error { return nil }) },
		},
		"DropFenced": {func() error { return s.DropFenced(ctx, []int{5}) }},
		"Ready":      {func() error { return s.Ready(ctx) }},
		"Migrate":    {func() error { return nil }},
		"Close":      {func() error { return nil }},
		"Users": {
			func() error { return drop(s.Users(ctx, store.UsersQuery{Prefix: "user-1", Limit: 5})) },
			func() error { return drop(s.Users(ctx, store.UsersQuery{After: "user-10", Bot: "rare", Limit: 5})) },
		},
		"SQL":              {func() error { return nil }},
		"CheckConnections": {func() error { return nil }},
		"Corrupt":          {func() error { return nil }}, // Of the tests.
	}
	for _, after := range []store.LogPosition{{}, {RecordedAt: here, ID: logID(n)}} {
		for _, q := range []store.LogQuery{{}, {Bot: "bot1"}, {Subject: "user-10"}, {Type: "type1"}} {
			q.After, q.Limit = after, 50
			uses["Log"] = append(uses["Log"], func() error { return drop(s.Log(ctx, q)) })
		}
	}
	for _, after := range []store.Position{{}, {Time: here, ID: logID(n)}} {
		for _, q := range []store.Query{
			{},
			{Bot: "rare"},
			{Bot: "bot1"},
			{Subject: "user-10"},
			{From: here.Add(-time.Hour), To: here.Add(time.Hour)},
			{Bot: "rare", From: here.Add(-24 * time.Hour), To: here.Add(24 * time.Hour), Oldest: true},
			{Statuses: []event.Status{event.StatusDead, event.StatusFailed}},
			{Statuses: []event.Status{event.StatusDead}, From: here.Add(-24 * time.Hour), To: here.Add(24 * time.Hour)},
			{VerifiedBy: "jwt", Search: "event"},
			{Search: "user-1", Statuses: []event.Status{event.StatusDead}},
			{VerifiedBy: "nobody", Statuses: []event.Status{event.StatusFailed, event.StatusDead}},
			{Bot: "rare", Type: "rare", Search: "user"},
			{Type: "rare"},
			{Type: "type1"},
			{Statuses: []event.Status{event.StatusDead}},
			{Statuses: []event.Status{event.StatusDead}, Oldest: true},
			{Statuses: []event.Status{event.StatusScheduled}, Oldest: true, To: here},
			{Statuses: []event.Status{event.StatusDue}, Oldest: true, To: here},
			{Statuses: []event.Status{event.StatusAccepted}},
			{Statuses: []event.Status{event.StatusDelivered}},
			{Bot: "bot1", Statuses: []event.Status{event.StatusDead}},
			{Bot: "bot1", Statuses: []event.Status{event.StatusDelivered}},
			{Bot: "rare", Statuses: []event.Status{event.StatusDelivered}},
			{Subject: "user-10", Statuses: []event.Status{event.StatusDead}},
			{Type: "type1", Statuses: []event.Status{event.StatusDead}},
			{Bot: "bot1", Subject: "user-10", Type: "type2", Statuses: []event.Status{event.StatusAccepted}},
		} {
			q.After, q.Limit = after, 5 // Of which there are enough in the small log.
			uses["List"] = append(uses["List"], func() error { return drop(s.List(ctx, q)) })
		}
	}
	for method := range reflect.TypeFor[*Store]().Methods() {
		require.Contains(t, uses, method.Name, "the plans of every method are looked at")
	}
	return uses
}

// wholeDay are methods that read all of a day, of which there is one partition; nothing
// reads more than that.
var wholeDay = []string{"Rebuild", "Retain", "DropFenced", "ReadBuckets"}

// TestPlans explains every statement that the methods send: none reads the log or the
// statuses from end to end, and what a statement touches does not grow with the log.
func TestPlans(t *testing.T) {
	t.Parallel()
	testPlans(t, small, large)
}

func TestPlansOfALargeLog(t *testing.T) {
	if os.Getenv("BOTGATE_CHAOS") == "" {
		t.Skip("takes minutes; make chaos runs it")
	}
	testPlans(t, 9_000, 900_000)
}

func testPlans(t *testing.T, sizes ...int) {
	before := map[string][]explained{}
	for _, size := range sizes {
		s, noted := traced(t)
		fillLog(t, s, size)
		all := uses(t, s, size)
		// Those that remove something come last.
		order := []string{"Retain", "Erase", "DropFenced"}
		for method := range all {
			if !slices.Contains(order, method) {
				order = append([]string{method}, order...)
			}
		}
		for _, method := range order {
			touched := explainUses(t, s, noted, method, all[method])
			if was := before[method]; was != nil && !slices.Contains(wholeDay, method) {
				require.Len(t, touched, len(was), method)
				for i := range touched {
					bound := 3*was[i].buffers + 60
					if strings.Contains(touched[i].sql, "substr(") { // A piece is looked through, with the status of each event.
						bound = 4 * store.MaxScan / 10
					}
					require.LessOrEqual(t, touched[i].buffers, bound, "%s, a log of %d events: %s\n%s\nbefore: %s", method, size, touched[i].sql, touched[i].plan, was[i].plan)
				}
			}
			before[method] = touched
		}
	}
}

// explained is how many buffers a statement touches.
type explained struct {
	sql, plan string
	buffers   float64
}

// explainUses returns what the statements of the uses of a method touch, of those that
// change nothing.
func explainUses(t *testing.T, s *Store, noted *recorder, method string, uses []func() error) []explained {
	t.Helper()
	var touched []explained
	for _, use := range uses {
		noted.all = nil
		require.NoError(t, use(), method)
		for _, st := range slices.Clone(noted.all) {
			verb, _, _ := strings.Cut(strings.TrimSpace(st.sql), " ")
			switch {
			case strings.Contains(st.sql, "pg_advisory") || !slices.Contains([]string{"select", "with", "insert", "delete", "update"}, verb):
				continue // Locks, settings and definitions.
			case strings.Contains(st.sql, "pg_inherits") || strings.Contains(st.sql, "events_migrations") || strings.Contains(st.sql, "moved_buckets"):
				continue // Small tables, which are read as a whole.
			}
			plan := explain(t, s, st)
			requireIndexes(t, method, st.sql, plan)
			if !changes.MatchString(st.sql) {
				touched = append(touched, explained{st.sql, plan, buffers(t, plan)})
			}
		}
	}
	return touched
}

func explain(t *testing.T, s *Store, st sent) string {
	t.Helper()
	kind := "explain "
	if !changes.MatchString(st.sql) {
		kind = "explain (analyze, buffers, timing off, summary off) "
	}
	rows, err := s.primary().Query(t.Context(), kind+st.sql, append([]any{planned}, st.args...)...)
	require.NoError(t, err, st.sql)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err, st.sql)
	return strings.Join(lines, "\n")
}

var changes = regexp.MustCompile(`(?m)(insert into|delete from|^update) `)

var seqScan = regexp.MustCompile(`Seq Scan on (events\w*|event_status|user_counters)`)

func requireIndexes(t *testing.T, method, sql, plan string) {
	t.Helper()
	scans := seqScan.FindAllStringSubmatch(plan, -1)
	var days []string
	for _, scan := range scans {
		table := scan[1]
		require.NotEqual(t, "event_status", table, "%s: %s\n%s", method, sql, plan)
		require.Contains(t, wholeDay, method, "%s\n%s", sql, plan)
		days = append(days, table)
	}
	slices.Sort(days)
	require.LessOrEqual(t, len(slices.Compact(days)), 1, "%s\n%s", sql, plan)
}

var sharedHit = regexp.MustCompile(`Buffers: shared (?:hit=(\d+))?(?: ?read=(\d+))?`)

// buffers is what the whole plan touched, which its first line has.
func buffers(t *testing.T, plan string) float64 {
	t.Helper()
	found := sharedHit.FindStringSubmatch(plan)
	if found == nil {
		return 0
	}
	sum := 0
	for _, number := range found[1:] {
		n, _ := strconv.Atoi(number)
		sum += n
	}
	return float64(sum)
}
