package postgres

import (
	"fmt"
	"strings"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

// day is that of an event.
const day = `(event_time at time zone 'UTC')::date`

// logColumns are the columns of the log that a batch has, in the order in which copyLog gets them.
const (
	logColumns = `event_time, time, recorded_at, not_before, attempt, replays, took_ms, bucket, status, id, ref,
	bot, type, subject, order_key, verified_by, trace_parent, request_id, content_type, headers, data`
	logColumnCount = 21
)

// countArgs are the parameters for n counters, from a number on.
func countArgs(from, n int) string {
	args := make([]string, n)
	for i := range args {
		args[i] = fmt.Sprintf("$%d::integer[]", from+i)
	}
	return strings.Join(args, ", ")
}

// orZero are columns of which some are null.
func orZero(columns string) string {
	return "coalesce(" + strings.ReplaceAll(columns, ", ", ", 0), coalesce(") + ", 0)"
}

// countBuckets counts rows of the log by how long they took; see [store.ActivityOf].
var countBuckets = func() string {
	var all []string
	for _, duration := range []struct{ of, among string }{
		{"took_ms * interval '1 millisecond'", "status in ({failed}, {dead}, {delivered})"},
		{"time - event_time", "status = {delivered}"},
	} {
		lower := ""
		for _, edge := range store.BucketEdges() {
			at := fmt.Sprintf("interval '%d milliseconds'", edge.Milliseconds())
			all = append(all, duration.among+lower+" and "+duration.of+" <= "+at)
			lower = " and " + duration.of + " > " + at
		}
		all = append(all, duration.among+lower)
	}
	return sqlstore.Codes(",\n\tcount(*) filter (where " + strings.Join(all, "),\n\tcount(*) filter (where ") + ")")
}()

// activityColumns is how many counters bot_stats has.
const activityColumns = store.CountColumns + 2*store.BucketCount

// What the statements share.
var (
	// countsOrZero are the counters out of arrays, of which some are missing.
	countsOrZero, activityOrZero = orZero(sqlstore.CountColumns), orZero(sqlstore.ActivityColumns)

	// countUsers adds rows of the log to the counters of their users. It is followed by their
	// source and groupUsers. It is [store.CountUsers] in SQL.
	countUsers = `insert into user_counters as c (subject, bot, day, first_at, last_at, ` + sqlstore.CountColumns + `)
select subject, bot, ` + day + `, min(event_time), max(event_time), ` + sqlstore.CountRows + ` from `
	groupUsers = ` and subject <> '' and ` + sqlstore.Counted + ` group by 1, 2, 3 order by 1, 2, 3` + sumUsers
	sumUsers   = `
on conflict (subject, bot, day) do update set first_at = least(c.first_at, excluded.first_at),
	last_at = greatest(c.last_at, excluded.last_at), ` + sqlstore.AddCounts

	// countBots does the same for the statistics of bots, as [store.CountBots] does. Its $1 is
	// the slot.
	countBots = `insert into bot_stats as c (bot, minute, day, slot, took_ms, ` + sqlstore.ActivityColumns + `)
select bot, date_trunc('minute', time), ` + day + `, $1, coalesce(sum(took_ms), 0), ` + sqlstore.CountRows + countBuckets + ` from `
	groupBots = ` and ` + sqlstore.Counted + ` group by 1, 2, 3 order by 1, 2, 3` + sumBots
	sumBots   = `
on conflict (bot, minute, day, slot) do update set took_ms = c.took_ms + excluded.took_ms, ` + sqlstore.AddActivity

	accepted = sqlstore.Codes(`excluded.status in ({accepted}, {deferred}, {scheduled})`)
	// newer is the rule of [store.State.Merge]. An acceptance is never newer than a recorded
	// state, but for that of a repeat or progress that came first.
	newer = sqlstore.Codes(`((not ` + accepted + ` or s.status <= {repeated})
	and (excluded.status = {delivered}, excluded.replays, excluded.status, excluded.updated_at)
	> (s.status = {delivered}, s.replays, s.status, s.updated_at))`)
)

// The statements of Append, in order. Rows travel in arrays, so that the text of the statements
// never changes and stays prepared.
var (
	// enterLog takes the locks and checks fences and erasures; see migration 0001.
	enterLog = `select enter_log($1, $2, $3, $4)`

	// claimStatus merges the entries into the status rows of their events, which it locks in the
	// order of their ids. It returns the times of the events, in that order: of an id that is
	// recorded with several times the first one counts.
	claimStatus = `insert into event_status as s (event_id, event_time, bot, type, known, status, attempts, replays, updated_at)
	select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::boolean[], $6::smallint[],
		$7::integer[], $8::integer[], $9::timestamptz[])
	on conflict (event_id) do update set
		bot = case when excluded.known and not s.known then excluded.bot else s.bot end,
		type = case when excluded.known and not s.known then excluded.type else s.type end,
		known = s.known or excluded.known,
		attempts = greatest(s.attempts, excluded.attempts),
		updated_at = case when ` + newer + ` then case when ` + accepted + ` then s.event_time else excluded.updated_at end
			else s.updated_at end,
		replays = case when ` + newer + ` then excluded.replays else s.replays end,
		status = case when ` + newer + ` then excluded.status else s.status end
	returning event_time`

	// mergeStatus does the same. If the day of an event is none that enter_log has locked, the day is
	// locked here, or the statement fails.
	mergeStatus = `with claimed as (
	` + claimStatus + `
)
select enter_day(day) from (select distinct ` + day + ` - date '1970-01-01' as day from claimed) d
where day <> all ($10::integer[])`

	// restoreStatus undoes what mergeStatus made of a change that was told again, at another time,
	// and so is recorded already under its id: it reads the status from the log. lockStatus comes
	// first, in a statement of its own, so that nothing newer is recorded unseen meanwhile.
	lockStatus    = `select 1 from event_status where event_id = any ($1) order by event_id for update`
	restoreStatus = sqlstore.Codes(`update event_status s set status = m.status, replays = m.replays, updated_at = m.time
from (select distinct unnest($1::text[])) k (id) cross join lateral (
	select e.status, coalesce(e.replays, 0) as replays, e.time
	from events e
	where e.event_time = (select event_time from event_status where event_id = k.id) and (e.id = k.id or e.ref = k.id)
	order by e.status = {delivered} desc, 2 desc, e.status desc, e.time desc limit 1
) m
where s.event_id = k.id`)

	// copyLog adds entries that the log does not have.
	copyLog = `copy events (` + logColumns + `) from stdin binary`

	// addUsers and addBots add what was counted already to the counters.
	addUsers = `insert into user_counters as c (subject, bot, day, first_at, last_at, ` + sqlstore.CountColumns + `)
select subject, bot, date '1970-01-01' + day, first_at, last_at, ` + countsOrZero + `
from unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::timestamptz[], ` + countArgs(6, store.CountColumns) + `)
	as u (subject, bot, day, first_at, last_at, ` + sqlstore.CountColumns + `)` + sumUsers
	addBots = `insert into bot_stats as c (bot, minute, day, slot, took_ms, ` + sqlstore.ActivityColumns + `)
select bot, minute, date '1970-01-01' + day, $1::integer, took_ms, ` + activityOrZero + `
from unnest($2::text[], $3::timestamptz[], $4::integer[], $5::bigint[], ` + countArgs(6, activityColumns) + `)
	as b (bot, minute, day, took_ms, ` + sqlstore.ActivityColumns + `)` + sumBots

	selectKnownDays = `select distinct ` + day + ` - date '1970-01-01' from event_status where event_id = any ($1)`

	// insertLog adds the entries that the log does not have, and counts them. The offset 0 is an
	// optimization fence: without it the event's time would be looked up more than once, or by a
	// join that reads more.
	insertLog = `with logged as (
	insert into events (` + logColumns + `)
	select event_time, case when ref = '' then event_time else time end, recorded_at, not_before, attempt, replays,
		took_ms, bucket, status, id, nullif(ref, ''), bot, type, subject, order_key, verified_by, trace_parent, request_id,
		content_type, headers, data
	from (
		select (select s.event_time from event_status s where s.event_id = case when e.ref = '' then e.id else e.ref end), e.*
		from unnest($2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::integer[], $7::integer[],
			$8::smallint[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
			$16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::bytea[])
			as e (time, recorded_at, not_before, attempt, replays, took_ms, bucket, status,
				id, ref, bot, type, subject, order_key, verified_by, trace_parent, request_id, content_type, headers,
				data)
		offset 0
	) e
	on conflict (event_time, id) do nothing
	returning event_time, time, took_ms, status, id, bot, subject
), users as (
	` + countUsers + `logged where true` + groupUsers + `
), bots as (
	` + countBots + `logged where true` + groupBots + `
)
select id, event_time from logged`
)
