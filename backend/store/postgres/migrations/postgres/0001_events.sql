-- The log: everything that was recorded, as it came from the queue. Rows are never updated.
-- There is a partition for each day (UTC) of events, such as events_20261121. Columns of one
-- size stand together, so that no space is lost to alignment.
create table events (
	-- When the event was accepted, also on its changes, so that all rows of an event stand
	-- together.
	event_time   timestamptz not null,
	-- When this happened; event_time for the event itself.
	time         timestamptz not null,
	recorded_at  timestamptz not null,
	not_before   timestamptz,
	-- What a change says, read out of its data; null for events.
	attempt      integer,
	replays      integer,
	took_ms      integer,
	bucket       smallint not null,
	-- 5 repeated, 10 accepted, 12 deferred, 15 replayed, 20 failed, 25 expired, 30 dead, 35 dropped, 40 delivered.
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

-- Ids are left out: few events share a microsecond, and those are sorted when they are read.
create index events_bot on events (bot, event_time) where ref is null;
create index events_type on events (type, event_time) where ref is null;
create index events_subject on events (subject, event_time) where subject <> '';
-- All rows of a batch have one time, which the index deduplicates.
create index events_recorded on events (recorded_at);

-- The read model of each event's status; its key keeps ids unique across partitions. Delivered
-- (40) is final; otherwise more replays win, then the greater status.
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

-- Lists by a status other than delivered, with which nearly all events end. The bot is the
-- last column, so that a list of one bot skips the others without reading their rows.
create index event_status_open on event_status (status, event_time, bot) where known and status <> 40;

-- How many rows of the log a user has at a bot, by the day of their events. Updates change no
-- indexed column and the fill factor leaves room on the page, so that they are HOT.
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

-- The same for bots, by the minute in which things happened and the day of their events.
-- Concurrent writers use a slot each, so that they do not wait for each other's row locks.
create table bot_stats (
	minute      timestamptz not null,
	took_ms     bigint not null,
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

-- Users whose events were erased, by a hash of their name. Events that were accepted before
-- that time and arrive later are not recorded.
create table erasures (
	subject_hash bytea primary key,
	before       timestamptz not null
);

-- Fenced buckets, whose events are in another shard now.
create table moved_buckets (
	bucket smallint primary key,
	shard  text not null
);

-- Every transaction that adds to the log begins with this. Its shared locks exclude whoever
-- holds the exclusive lock of a day, or of all days (key -1). It fails when a bucket is fenced
-- or a user was erased. Days are numbered from 1970-01-01.
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

-- The same for a day that a transaction learns of only after it has locked rows. It does not
-- wait: the holder of the exclusive lock may be waiting for those rows.
create function enter_day(day integer) returns void language plpgsql as $$
begin
	if not pg_try_advisory_xact_lock_shared(1650942324, day) then
		raise exception 'day % is in use', day using errcode = 'LG003';
	end if;
end
$$;
