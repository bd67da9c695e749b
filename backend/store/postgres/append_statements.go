package postgres

import "github.com/botgate/botgate/backend/store/internal/statement"

// What the statements have in common.
const (
	day = `(event_time at time zone 'UTC')::date`

	// countUsers adds rows of the log to the counters of their users; what they are
	// selected from follows, and then groupUsers. It is [store.CountUsers] in SQL.
	countUsers = `insert into user_counters as c (subject, bot, day, first_at, last_at, ` + statement.CountColumns + `)
select subject, bot, ` + day + `, min(event_time), max(event_time), ` + statement.CountRows + ` from `
	groupUsers = ` and subject <> '' group by 1, 2, 3 order by 1, 2, 3
on conflict (subject, bot, day) do update set first_at = least(c.first_at, excluded.first_at),
	last_at = greatest(c.last_at, excluded.last_at), ` + statement.AddCounts

	// countBots does the same for the statistics of bots, as [store.CountBots] does, in
	// a slot that is a parameter.
	countBots = `insert into bot_stats as c (bot, minute, day, slot, duration_ms, ` + statement.CountColumns + `)
select bot, date_trunc('minute', time), ` + day + `, $1, coalesce(sum(took_ms), 0), ` + statement.CountRows + ` from `
	groupBots = ` group by 1, 2, 3 order by 1, 2, 3
on conflict (bot, minute, day, slot) do update set duration_ms = c.duration_ms + excluded.duration_ms, ` + statement.AddCounts

	// newer is the rule of [store.State.Merge] which of two states counts. An acceptance
	// says nothing new about an event of which there is something.
	newer = `(excluded.status not in (10, 12) and (excluded.status = 40, excluded.replays, excluded.status, excluded.updated_at)
	> (s.status = 40, s.replays, s.status, s.updated_at))`
)

// The statements of Append, in their order. Arrays carry any number of rows in statements
// whose text never changes.
const (
	// enterLog is the function of migration 0001.
	enterLog = `select enter_log($1, $2, $3, $4)`

	// claim merges what the entries say into the status of their events, whose rows it locks,
	// in the order of their ids. The event of an id has the time, and so the day, that was
	// claimed first. Where that is a day that enter_log was not told of, the day is
	// locked here, or the statement fails.
	claim = `with claimed as (
	insert into event_status as s (event_id, event_time, bot, type, known, status, attempts, replays, updated_at)
	select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::boolean[], $6::smallint[], $7::integer[], $8::integer[], $9::timestamptz[])
	on conflict (event_id) do update set
		bot = case when excluded.known and not s.known then excluded.bot else s.bot end,
		type = case when excluded.known and not s.known then excluded.type else s.type end,
		known = s.known or excluded.known,
		attempts = greatest(s.attempts, excluded.attempts),
		updated_at = case when ` + newer + ` then excluded.updated_at else s.updated_at end,
		replays = case when ` + newer + ` then excluded.replays else s.replays end,
		status = case when ` + newer + ` then excluded.status else s.status end
	returning ` + day + ` - date '1970-01-01' as day
)
select enter_day(day) from (select distinct day from claimed where day <> all ($10::integer[])) d`

	// mend takes back what claim made of a replay that was done before, at another time, and
	// so is recorded already under the same id: it reads the status out of the log. Every
	// other change comes again as it was, which changes nothing.
	mend = `update event_status s set status = m.status, replays = m.replays, updated_at = m.time
from unnest($1::text[]) k (id) cross join lateral (
	select e.status, coalesce(e.replays, 0) as replays, e.time
	from events e where e.event_time = (select event_time from event_status where event_id = k.id) and (e.id = k.id or e.ref = k.id)
	order by e.status = 40 desc, 2 desc, e.status desc, e.time desc limit 1
) m
where s.event_id = k.id`

	selectClaimedDays = `select distinct ` + day + ` - date '1970-01-01' from event_status where event_id = any ($1)`

	// insertLog adds the entries that the log does not have, and what they count. The
	// subquery with the limit of none is a fence: without it the claimed time would be
	// looked up more than once, or by a join that reads more than that.
	insertLog = `with logged as (
	insert into events (event_time, time, recorded_at, not_before, attempt, replays, took_ms, bucket, status, id, ref,
		bot, type, subject, order_key, verified_by, trace_parent, content_type, data)
	select event_time, case when ref = '' then event_time else time end, recorded_at, not_before, attempt, replays, took_ms, bucket, status,
		id, nullif(ref, ''), bot, type, subject, order_key, verified_by, trace_parent, content_type, data
	from (
		select (select s.event_time from event_status s where s.event_id = case when e.ref = '' then e.id else e.ref end), e.*
		from unnest($2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::integer[], $7::integer[], $8::smallint[], $9::smallint[],
			$10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::bytea[])
			as e (time, recorded_at, not_before, attempt, replays, took_ms, bucket, status,
				id, ref, bot, type, subject, order_key, verified_by, trace_parent, content_type, data)
		offset 0
	) e
	on conflict (event_time, id) do nothing
	returning event_time, time, took_ms, status, id, bot, subject
), users as (
	` + countUsers + `logged where true` + groupUsers + `
), bots as (
	` + countBots + `logged` + groupBots + `
)
select id, event_time from logged`
)
