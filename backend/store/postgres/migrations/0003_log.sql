-- The log and the read models as docs/data.md describes them. What the versions before
-- recorded is copied, so this takes a while on a large database.
alter table events rename to events_0002;
alter index events_pkey rename to events_0002_pkey;
alter table event_status rename to event_status_0002;
alter index event_status_pkey rename to event_status_0002_pkey;
drop index event_status_time, event_status_bot, event_status_type, event_status_status, event_status_subject;

-- The log: everything that came over the queue, as it came. Rows are never changed. There is
-- a partition for each day, in UTC, of events: events_20261121. Columns of one size stand
-- together, so that no space is lost between them.
create table events (
	-- When the event was accepted that the row belongs to: the event itself, or the one that
	-- a change is about. So all rows of an event stand together.
	event_time   timestamptz not null,
	-- When this happened: for events the same as event_time.
	time         timestamptz not null,
	recorded_at  timestamptz not null,
	not_before   timestamptz,
	-- What a change says, read out of its data: null for events.
	attempt      integer,
	replays      integer,
	took_ms      integer,
	bucket       smallint not null,
	-- 10 accepted, 12 deferred, 15 replayed, 20 failed, 25 expired, 30 dead, 40 delivered.
	status       smallint not null,
	id           text collate "C" not null,
	-- The event that a change is about; null for events.
	ref          text collate "C",
	bot          text collate "C" not null,
	-- The type of the event, also on its changes.
	type         text collate "C" not null,
	subject      text collate "C" not null,
	order_key    text collate "C" not null,
	verified_by  text collate "C" not null,
	trace_parent text collate "C" not null,
	content_type text collate "C" not null,
	data         bytea not null,
	primary key (event_time, id)
) partition by range (event_time);

-- Ids are left out here: events of one microsecond are few, and sorted when they are read.
create index events_bot on events (bot, event_time) where ref is null;
create index events_type on events (type, event_time) where ref is null;
create index events_subject on events (subject, event_time) where subject <> '';
-- One batch has one time, of which the index keeps a single copy.
create index events_recorded on events (recorded_at);

-- Where each event stands, and what keeps its id unique across the days. 40, delivered, gives
-- way to nothing; then more replays count more than a greater status.
create table event_status (
	event_time timestamptz not null,
	updated_at timestamptz not null,
	attempts   integer not null,
	replays    integer not null,
	status     smallint not null,
	-- False while only changes of the event have been recorded.
	known      boolean not null,
	event_id   text collate "C" primary key,
	bot        text collate "C" not null,
	type       text collate "C" not null
) with (fillfactor = 90);

-- Lists by another status than the one that nearly all events end with. Those of one bot
-- leave the others out without reading their rows.
create index event_status_open on event_status (status, event_time, bot) where known and status <> 40;

-- How many rows of the log there are of a user at a bot, by the day of their events. Updates
-- change no indexed column, and find room on their page.
create table user_counters (
	first_at  timestamptz not null,
	last_at   timestamptz not null,
	day       date not null,
	accepted  integer not null,
	deferred  integer not null,
	delivered integer not null,
	failed    integer not null,
	dead      integer not null,
	expired   integer not null,
	replayed  integer not null,
	subject   text collate "C" not null,
	bot       text collate "C" not null,
	primary key (subject, bot, day)
) with (fillfactor = 70);

create index user_counters_day on user_counters (day);

-- The same for the bots, by the minute in which things happened and the day of their events.
-- Writers that are under way together use a slot each, and wait for nobody.
create table bot_stats (
	minute      timestamptz not null,
	duration_ms bigint not null,
	day         date not null,
	slot        integer not null,
	accepted    integer not null,
	deferred    integer not null,
	delivered   integer not null,
	failed      integer not null,
	dead        integer not null,
	expired     integer not null,
	replayed    integer not null,
	bot         text collate "C" not null,
	primary key (bot, minute, day, slot)
) with (fillfactor = 50);

create index bot_stats_minute on bot_stats (minute);
create index bot_stats_day on bot_stats (day);

-- Users whose events were erased, by a hash of their name: those that were accepted before a
-- time and arrive later are left out.
create table erasures (
	subject_hash bytea primary key,
	before       timestamptz not null
);

-- Buckets whose events are in another shard now.
create table moved_buckets (
	bucket smallint primary key,
	shard  text not null
);

-- Every transaction that adds to the log begins with this. It holds off what has to be alone
-- with a day, or with all of them (key -1), and fails when the database must not take the
-- events. The days count from 1970-01-01.
create function enter_log(days integer[], buckets smallint[], subjects bytea[], times timestamptz[]) returns void
language plpgsql as $$
declare
	day   integer;
	moved text;
begin
	perform pg_advisory_xact_lock_shared(1650942324, -1);
	foreach day in array days loop
		perform pg_advisory_xact_lock_shared(1650942324, day);
	end loop;
	select string_agg(m.bucket || ' to ' || m.shard, ', ' order by m.bucket) into moved
	from moved_buckets m where m.bucket = any (buckets);
	if moved is not null then
		raise exception 'moved: %', moved using errcode = 'LG001';
	end if;
	if exists (select from unnest(subjects, times) as u (hash, at) join erasures x on x.subject_hash = u.hash where u.at < x.before) then
		raise exception 'events of an erased user' using errcode = 'LG002';
	end if;
end
$$;

-- For a day that a transaction learns of only after it has locked rows, which whoever is
-- alone with the day may be waiting for: it does not wait.
create function enter_day(day integer) returns void language plpgsql as $$
begin
	if not pg_try_advisory_xact_lock_shared(1650942324, day) then
		raise exception 'day % is in use', day using errcode = 'LG003';
	end if;
end
$$;

-- Copying what there is.

-- The bucket of an id: ten bits of a UUID of version 7 or 8, or else a hash, 64-bit FNV-1a.
create function pg_temp.bucket_of(id text) returns smallint language plpgsql immutable as $$
declare
	bits bit(128);
	hash numeric := 14695981039346656037;
	text bytea := convert_to(id, 'UTF8');
begin
	if id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' then
		bits := ('x' || replace(id, '-', ''))::bit(128);
		return substring(bits from 55 for 10)::bit(10)::integer;
	end if;
	for i in 0 .. length(text) - 1 loop
		hash := mod((hash - mod(hash, 256) + (mod(hash, 256)::integer # get_byte(text, i))) * 1099511628211, 18446744073709551616);
	end loop;
	return mod(hash, 1024)::integer # mod(div(hash, 4294967296), 1024)::integer;
end
$$;

create temporary table log_0003 on commit drop as
select
	-- Changes of events that are not recorded have only each other's times to go by.
	case when o.ref is null then o.time else coalesce(s.time, min(o.time) over (partition by o.ref)) end as event_time,
	o.time, o.recorded_at,
	(c.change ->> 'attempt')::integer as attempt,
	case when o.ref is not null then coalesce((c.change ->> 'replays')::integer, 0) end as replays,
	least(greatest((c.change ->> 'duration_ms')::bigint, 0), 2147483647)::integer as took_ms,
	pg_temp.bucket_of(coalesce(o.ref, o.id)) as bucket,
	case when o.ref is null then 10 else
		case c.change ->> 'status' when 'replayed' then 15 when 'failed' then 20 when 'expired' then 25 when 'dead' then 30 else 40 end
	end::smallint as status,
	o.id, o.ref, o.bot,
	case when o.ref is null then o.type else coalesce(s.type, c.change ->> 'event_type', '') end as type,
	o.subject
from events_0002 o
left join event_status_0002 s on s.event_id = o.ref
cross join lateral (select case when o.ref is not null then convert_from(o.data, 'UTF8')::json end as change) c;

do $$
declare
	day timestamptz;
begin
	for day in select distinct date_trunc('day', event_time, 'UTC') from log_0003 loop
		execute format('create table %I partition of events for values from (%L) to (%L)',
			'events_' || to_char(day at time zone 'UTC', 'YYYYMMDD'), day, day + interval '24 hours');
	end loop;
end
$$;

insert into events (event_time, time, recorded_at, attempt, replays, took_ms, bucket, status, id, ref, bot, type, subject,
	order_key, verified_by, trace_parent, content_type, data)
select l.event_time, l.time, l.recorded_at, l.attempt, l.replays, l.took_ms, l.bucket, l.status, l.id, l.ref, l.bot, l.type, l.subject,
	o.order_key, o.verified_by, o.trace_parent, o.content_type, o.data
from log_0003 l join events_0002 o using (id);

insert into event_status (event_time, updated_at, attempts, replays, status, known, event_id, bot, type)
select distinct on (coalesce(s.event_id, l.id))
	l.event_time, s.updated_at, s.attempts, s.replays, s.status, s.time is not null, s.event_id, coalesce(s.bot, l.bot), coalesce(s.type, l.type)
from event_status_0002 s join log_0003 l on coalesce(l.ref, l.id) = s.event_id
order by coalesce(s.event_id, l.id), l.ref nulls first, l.id;

insert into user_counters (subject, bot, day, first_at, last_at, accepted, deferred, delivered, failed, dead, expired, replayed)
select subject, bot, (event_time at time zone 'UTC')::date, min(event_time), max(event_time),
	count(*) filter (where status in (10, 12)), count(*) filter (where status = 12), count(*) filter (where status = 40),
	count(*) filter (where status = 20), count(*) filter (where status = 30), count(*) filter (where status = 25),
	count(*) filter (where status = 15)
from log_0003 where subject <> '' group by 1, 2, 3;

insert into bot_stats (bot, minute, day, slot, duration_ms, accepted, deferred, delivered, failed, dead, expired, replayed)
select bot, date_trunc('minute', time), (event_time at time zone 'UTC')::date, 0, coalesce(sum(took_ms), 0),
	count(*) filter (where status in (10, 12)), count(*) filter (where status = 12), count(*) filter (where status = 40),
	count(*) filter (where status = 20), count(*) filter (where status = 30), count(*) filter (where status = 25),
	count(*) filter (where status = 15)
from log_0003 group by 1, 2, 3;

drop table events_0002, event_status_0002;
