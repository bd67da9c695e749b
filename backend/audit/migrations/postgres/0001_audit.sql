-- What was changed through the API, and by whom. Rows are never updated. Times are microseconds since 1970, UTC.
create table audit (
	id         text collate "C" not null primary key,
	at         bigint not null,
	phase      text collate "C" not null,
	request_id text collate "C" not null,
	by_user    text collate "C" not null,
	bot        text collate "C" not null,
	action     text collate "C" not null,
	target     text collate "C" not null,
	status     integer not null,
	job        text collate "C" not null
);

create index audit_at on audit (at, id);
