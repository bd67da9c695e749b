-- Dead letters that somebody dropped.
alter table user_counters add column dropped integer not null default 0;
alter table bot_stats add column dropped integer not null default 0;
