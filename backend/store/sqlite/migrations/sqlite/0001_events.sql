-- The log: everything that was recorded, as it came from the queue. Rows are never updated.
-- Times are microseconds since 1970, UTC. The time of the event is in the key, so that all
-- rows of an event stand together and a day can be read, rebuilt and dropped by itself.
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
	-- What the row says: 5 repeated, 10 accepted, 12 deferred, 15 replayed, 20 failed, 25 expired,
	-- 30 dead, 35 dropped, 40 delivered.
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

create unique index events_key on events (event_time, id);
create index events_bot on events (bot, event_time, id) where ref is null;
create index events_type on events (type, event_time, id) where ref is null;
-- Changes included: an erasure has to find all rows of a user.
create index events_subject on events (subject, event_time, id) where subject <> '';
create index events_recorded on events (recorded_at, id);

-- Read model: the status of each event. Its key keeps ids unique across days.
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

-- Lists by a status other than delivered, with which nearly all events end. The bot is the
-- last column, so that a list of one bot skips the others without reading their rows.
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

create index bot_stats_minute on bot_stats (minute);
create index bot_stats_day on bot_stats (day);

-- Users whose events were erased, by a hash of their name. Events that were accepted before
-- that time and arrive later are not recorded.
create table erasures (
	subject_hash blob primary key,
	before       integer not null
) strict, without rowid;

-- Fenced buckets, whose events are in another shard now.
create table moved_buckets (
	bucket integer primary key,
	shard  text not null
) strict;
