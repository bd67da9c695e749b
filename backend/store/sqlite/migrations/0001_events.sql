-- The log: everything that came over the queue, as it came. Rows are never changed.
-- Times are microseconds since 1970, UTC.
create table events (
	id           text primary key,
	bot          text not null,
	type         text not null,
	subject      text not null,
	order_key    text not null,
	verified_by  text not null,
	trace_parent text not null,
	content_type text not null,
	time         integer not null,
	recorded_at  integer not null,
	-- The event that a change is about; null for events.
	ref          text,
	data         blob not null
) strict;

create index events_ref on events (ref, time, id) where ref is not null;

-- The read model: where each event stands. It follows from the log. The attributes are
-- null while only changes of the event have been recorded.
create table event_status (
	event_id   text primary key,
	bot        text,
	type       text,
	subject    text,
	time       integer,
	-- 10 accepted, 20 failed, 30 dead, 40 delivered: a greater status never gives way.
	status     integer not null,
	attempts   integer not null,
	updated_at integer not null
) strict, without rowid;

create index event_status_time on event_status (time, event_id);
create index event_status_bot on event_status (bot, time, event_id);
create index event_status_type on event_status (type, time, event_id);
create index event_status_status on event_status (status, time, event_id);
create index event_status_subject on event_status (subject, time, event_id);
