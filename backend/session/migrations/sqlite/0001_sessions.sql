-- What each bot remembers about a user. Times are microseconds since 1970, UTC.
create table sessions (
	subject    text not null,
	bot        text not null,
	version    text not null,
	data       blob not null,
	updated_at integer not null,
	expires_at integer not null,
	primary key (subject, bot)
) strict;

create index sessions_expires_at on sessions (expires_at);
