-- The log: everything that came over the queue, as it came. Rows are never changed.
create table events (
	id           text collate "C" primary key,
	bot          text collate "C" not null,
	type         text collate "C" not null,
	subject      text collate "C" not null,
	order_key    text collate "C" not null,
	verified_by  text collate "C" not null,
	trace_parent text collate "C" not null,
	content_type text collate "C" not null,
	time         timestamptz not null,
	recorded_at  timestamptz not null,
	-- The event that a change is about; null for events.
	ref          text collate "C",
	data         bytea not null
);

create index events_ref on events (ref, time, id) where ref is not null;

-- The read model: where each event stands. It follows from the log. The attributes are
-- null while only changes of the event have been recorded.
create table event_status (
	event_id   text collate "C" primary key,
	bot        text collate "C",
	type       text collate "C",
	subject    text collate "C",
	time       timestamptz,
	-- 10 accepted, 20 failed, 30 dead, 40 delivered: a greater status never gives way.
	status     smallint not null,
	attempts   integer not null,
	updated_at timestamptz not null
);

-- The id is left out: events of one microsecond are few, and sorted when they are read.
create index event_status_time on event_status (time);
create index event_status_bot on event_status (bot, time);
create index event_status_type on event_status (type, time);
create index event_status_status on event_status (status, time);
create index event_status_subject on event_status (subject, time);
