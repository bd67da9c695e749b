-- min_program: 1
-- The processes of the installation, as each reported last.
create table processes (
	instance text collate "C" not null,
	service  text collate "C" not null,
	at       bigint not null,
	document text not null,
	primary key (instance, service)
);
