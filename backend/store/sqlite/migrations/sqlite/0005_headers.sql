-- min_program: 2
-- Headers of the accepting request that the bot is to see (forward_headers of the bots file); empty for most events.
alter table events add column headers text not null default '';
