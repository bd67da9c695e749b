-- The bots that were paused, and those that were resumed. Times are microseconds since 1970, UTC.
create table pauses (
	bot     text collate "C" not null primary key,
	paused  integer not null,
	since   bigint not null,
	by_user text collate "C" not null
);
