-- min_program: 2
-- The id of the accepting request, by which logs are searched; empty in rows from before.
alter table events add column request_id text not null default '';
