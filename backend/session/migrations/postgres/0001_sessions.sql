-- What each bot remembers about a user. Times are microseconds since 1970, UTC.
create table sessions (
	subject    text collate "C" not null,
	bot        text collate "C" not null,
	version    text collate "C" not null,
	data       bytea not null,
	updated_at bigint not null,
	expires_at bigint not null,
	primary key (subject, bot)
);

create index sessions_expires_at on sessions (expires_at);
