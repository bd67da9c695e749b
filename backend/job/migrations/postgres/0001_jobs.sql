-- Work that takes too long for a request. Times are microseconds since 1970, UTC.
create table jobs (
	id           text collate "C" not null primary key,
	kind         text not null,
	parameters   text not null,
	bot          text not null,
	status       text not null,
	cancel_asked boolean not null,
	done         bigint not null,
	total        bigint not null,
	checkpoint   text not null,
	parts        integer not null,
	result       text not null,
	error        text not null,
	tries        integer not null,
	crashes      integer not null,
	owner        text not null,
	lease_until  bigint,
	due_at      bigint,
	created_at   bigint not null,
	updated_at   bigint not null,
	finished_at  bigint,
	version      text not null
);

create index jobs_created_at on jobs (created_at, id);
create index jobs_due_at on jobs (due_at) where due_at is not null;
create index jobs_finished_at on jobs (finished_at) where finished_at is not null;

-- The files that jobs make, piece by piece.
create table job_parts (
	job    text collate "C" not null references jobs on delete cascade,
	number integer not null,
	ref    text not null,
	size   bigint not null,
	primary key (job, number)
);
