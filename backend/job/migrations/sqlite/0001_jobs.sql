-- Work that takes too long for a request. Times are microseconds since 1970, UTC.
create table jobs (
	id           text not null primary key,
	kind         text not null,
	parameters   text not null,
	bot          text not null,
	status       text not null,
	cancel_asked integer not null,
	done         integer not null,
	total        integer not null,
	checkpoint   text not null,
	parts        integer not null,
	result       text not null,
	error        text not null,
	tries        integer not null,
	crashes      integer not null,
	owner        text not null,
	lease_until  integer,
	due_at      integer,
	created_at   integer not null,
	updated_at   integer not null,
	finished_at  integer,
	version      text not null
) strict;

create index jobs_created_at on jobs (created_at, id);
create index jobs_due_at on jobs (due_at) where due_at is not null;
create index jobs_finished_at on jobs (finished_at) where finished_at is not null;

-- The files that jobs make, piece by piece.
create table job_parts (
	job    text not null,
	number integer not null,
	ref    text not null,
	size   integer not null,
	primary key (job, number)
) strict, without rowid;

-- SQLite checks foreign keys only where a connection asks for it.
create trigger job_parts_of_removed after delete on jobs begin
	delete from job_parts where job = old.id;
end;
