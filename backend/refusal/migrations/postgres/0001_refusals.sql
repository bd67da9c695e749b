-- What gateways refused. Times are microseconds since 1970, UTC; a minute is its beginning.
create table refusals (
	minute   bigint not null,
	handler  text collate "C" not null,
	reason   text collate "C" not null,
	platform text collate "C" not null,
	bot      text collate "C" not null,
	count    bigint not null,
	lumped   bigint not null,
	primary key (minute, handler, reason, platform, bot)
);

-- Some of the refused requests: of each gateway, handler and reason the newest ones.
create table refusal_samples (
	id         text collate "C" not null primary key,
	at         bigint not null,
	gateway    text collate "C" not null,
	handler    text collate "C" not null,
	reason     text collate "C" not null,
	platform   text collate "C" not null,
	bot        text collate "C" not null,
	request_id text collate "C" not null,
	client     text collate "C" not null,
	method     text collate "C" not null,
	path       text collate "C" not null,
	subject    text collate "C" not null
);

create index refusal_samples_at on refusal_samples (at, id);
create index refusal_samples_kind on refusal_samples (gateway, handler, reason, at, id);

-- The reports that were recorded: one that comes again counts once.
create table refusal_reports (
	id text collate "C" not null primary key,
	at bigint not null
);

create index refusal_reports_at on refusal_reports (at);

-- The limits of gateways, as they were reported last.
create table gateway_limits (
	gateway  text collate "C" not null primary key,
	at       bigint not null,
	document text not null
);
