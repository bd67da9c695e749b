-- min_program: 1
-- The jobs that changed lately, for those who watch them.
create index jobs_updated_at on jobs (updated_at);
