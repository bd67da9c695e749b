-- What was changed through the API, and by whom. Rows are never updated. Times are microseconds since 1970, UTC.
create table audit (
	id         text not null primary key,
	at         integer not null,
	phase      text not null,
	request_id text not null,
	by_user    text not null,
	bot        text not null,
	action     text not null,
	target     text not null,
	status     integer not null,
	job        text not null
) strict;

create index audit_at on audit (at, id);
