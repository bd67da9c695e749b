-- What gateways refused. Times are microseconds since 1970, UTC; a minute is its beginning.
create table refusals (
	minute   integer not null,
	handler  text not null,
	reason   text not null,
	platform text not null,
	bot      text not null,
	count    integer not null,
	lumped   integer not null,
	primary key (minute, handler, reason, platform, bot)
) strict;

-- Some of the refused requests: of each gateway, handler and reason the newest ones.
create table refusal_samples (
	id         text not null primary key,
	at         integer not null,
	gateway    text not null,
	handler    text not null,
	reason     text not null,
	platform   text not null,
	bot        text not null,
	request_id text not null,
	client     text not null,
	method     text not null,
	path       text not null,
	subject    text not null
) strict;

create index refusal_samples_at on refusal_samples (at, id);
create index refusal_samples_kind on refusal_samples (gateway, handler, reason, at, id);

-- The reports that were recorded: one that comes again counts once.
create table refusal_reports (
	id text not null primary key,
	at integer not null
) strict;

create index refusal_reports_at on refusal_reports (at);

-- The limits of gateways, as they were reported last.
create table gateway_limits (
	gateway  text not null primary key,
	at       integer not null,
	document text not null
) strict;
