-- min_program: 1
-- Who asked for the job; empty where nobody was named.
alter table jobs add column asked_by text not null default '';
