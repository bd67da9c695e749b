-- Up to when the schedules of bots have fired. A rule is the cron expression and the time zone. Times are microseconds
-- since 1970, UTC.
create table schedules (
	bot  text collate "C" not null,
	name text collate "C" not null,
	rule text collate "C" not null,
	mark bigint not null,
	primary key (bot, name, rule)
);
