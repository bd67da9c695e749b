-- min_program: 1
-- The span of the request that asked for the job; empty without traces, and in rows from before.
alter table jobs add column trace_parent text not null default '';
