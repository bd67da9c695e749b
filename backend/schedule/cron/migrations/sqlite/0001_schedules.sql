-- Up to when the schedules of bots have fired. A rule is the cron expression and the time zone. Times are microseconds
-- since 1970, UTC.
create table schedules (
	bot  text not null,
	name text not null,
	rule text not null,
	mark integer not null,
	primary key (bot, name, rule)
) strict;
