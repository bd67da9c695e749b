-- The bots that were paused, and those that were resumed. Times are microseconds since 1970, UTC.
create table pauses (
	bot     text not null primary key,
	paused  integer not null,
	since   integer not null,
	by_user text not null
) strict;
