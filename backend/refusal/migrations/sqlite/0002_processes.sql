-- min_program: 1
-- The processes of the installation, as each reported last.
create table processes (
	instance text not null,
	service  text not null,
	at       integer not null,
	document text not null,
	primary key (instance, service)
) strict;
