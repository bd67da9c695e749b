-- The log gets the time of the event into its key, so that all rows of an event stand
-- together and a day can be read, rebuilt and dropped by itself. What earlier versions
-- recorded is copied, which takes a while when it is much.
alter table events rename to old_events;
alter table event_status rename to old_status;

-- Everything that came over the queue, as it came. Rows are never changed.
-- Times are microseconds since 1970, UTC.
create table events (
	-- When the event that the row belongs to was accepted; the same in all rows of an event.
	event_time   integer not null,
	id           text not null,
	-- The event that a change is about; null for events.
	ref          text,
	-- The bucket of the event's user.
	bucket       integer not null,
	bot          text not null,
	-- The type of the event, also in the rows of its changes.
	type         text not null,
	-- What the row says: 10 accepted, 12 deferred, 15 replayed, 20 failed, 25 expired,
	-- 30 dead, 40 delivered.
	status       integer not null,
	-- What a change says, read out of its data; 0 for events.
	attempt      integer not null,
	replays      integer not null,
	took_ms      integer not null,
	subject      text not null,
	order_key    text not null,
	verified_by  text not null,
	trace_parent text not null,
	content_type text not null,
	not_before   integer,
	-- When it happened; event_time for the event itself.
	time         integer not null,
	recorded_at  integer not null,
	-- Last, so that the other columns are read without it.
	data         blob not null
) strict;

insert into events (event_time, id, ref, bucket, bot, type, status, attempt, replays, took_ms, subject, order_key, verified_by,
	trace_parent, content_type, time, recorded_at, data)
select
	case when o.ref is null then o.time else coalesce(e.time, (select min(c.time) from old_events c where c.ref = o.ref)) end,
	o.id, o.ref, bucket_of_id(coalesce(o.ref, o.id)), o.bot,
	case when o.ref is null then o.type else coalesce(e.type, '') end,
	case when o.ref is null then 10 else case o.type
		when 'botgate.event.replayed' then 15 when 'botgate.event.failed' then 20
		when 'botgate.event.expired' then 25 when 'botgate.event.dead' then 30 else 40 end end,
	iif(o.ref is null, 0, coalesce(cast(o.data as text) ->> 'attempt', 0)),
	iif(o.ref is null, 0, coalesce(cast(o.data as text) ->> 'replays', 0)),
	iif(o.ref is null, 0, min(max(coalesce(cast(o.data as text) ->> 'duration_ms', 0), 0), 2147483647)),
	o.subject, o.order_key, o.verified_by, o.trace_parent, o.content_type, o.time, o.recorded_at, o.data
from old_events o left join old_events e on e.id = o.ref and e.ref is null
order by o.rowid;

create unique index events_key on events (event_time, id);
create index events_bot on events (bot, event_time, id) where ref is null;
create index events_type on events (type, event_time, id) where ref is null;
-- With the changes: what there is of a user must be found to be erased.
create index events_subject on events (subject, event_time, id) where subject <> '';
create index events_recorded on events (recorded_at, id);

-- Read model: where each event stands. It also keeps an id unique across days.
create table event_status (
	event_id   text primary key,
	event_time integer not null,
	-- Null while only changes of the event have been recorded.
	bot        text,
	status     integer not null,
	attempts   integer not null,
	replays    integer not null,
	updated_at integer not null
) strict, without rowid;

insert into event_status (event_id, event_time, bot, status, attempts, replays, updated_at)
select s.event_id, coalesce(s.time, (select min(o.time) from old_events o where o.ref = s.event_id)),
	iif(s.time is null, null, s.bot), s.status, s.attempts, s.replays, s.updated_at
from old_status s where s.time is not null or exists (select 1 from old_events o where o.ref = s.event_id)
order by s.event_id;
drop table old_status;
drop table old_events;

-- Most events are delivered; those that are not are few, and are looked for. The bot is
-- there so that those of others are passed over without reading their rows.
create index event_status_open on event_status (status, event_time, event_id, bot) where status <> 40 and bot is not null;

-- Read model: how many rows of the log there are of each status, by user, bot and the day
-- of the events.
create table user_counters (
	subject   text not null,
	bot       text not null,
	day       integer not null,
	accepted  integer not null,
	deferred  integer not null,
	delivered integer not null,
	failed    integer not null,
	dead      integer not null,
	expired   integer not null,
	replayed  integer not null,
	first_at  integer not null,
	last_at   integer not null,
	primary key (subject, bot, day)
) strict, without rowid;

insert into user_counters
select subject, bot, event_time - ((event_time % 86400000000) + 86400000000) % 86400000000, sum(status = 10), 0, sum(status = 40), sum(status = 20), sum(status = 30), sum(status = 25), sum(status = 15), min(event_time), max(event_time)
from events where subject <> '' group by 1, 2, 3;

create index user_counters_day on user_counters (day);

-- Read model: the same by bot, the minute in which it happened and the day of the events.
create table bot_stats (
	bot       text not null,
	minute    integer not null,
	day       integer not null,
	accepted  integer not null,
	deferred  integer not null,
	delivered integer not null,
	failed    integer not null,
	dead      integer not null,
	expired   integer not null,
	replayed  integer not null,
	-- How long the attempts took together.
	took_ms   integer not null,
	primary key (bot, minute, day)
) strict, without rowid;

insert into bot_stats
select bot, time - ((time % 60000000) + 60000000) % 60000000, event_time - ((event_time % 86400000000) + 86400000000) % 86400000000, sum(status = 10), 0, sum(status = 40), sum(status = 20), sum(status = 30), sum(status = 25), sum(status = 15), sum(took_ms)
from events group by 1, 2, 3;

create index bot_stats_minute on bot_stats (minute);
create index bot_stats_day on bot_stats (day);

-- Users whose events were erased, by a hash of their name: events of theirs that were
-- accepted before are not recorded any more.
create table erasures (
	subject_hash blob primary key,
	before       integer not null
) strict, without rowid;

-- Buckets that are kept elsewhere now.
create table moved_buckets (
	bucket integer primary key,
	shard  text not null
) strict;
