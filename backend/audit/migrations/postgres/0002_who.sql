-- min_program: 1
-- Who asked, beside the user: the issuer and the id of the token, and the address.
alter table audit add column issuer text not null default '';
alter table audit add column session text not null default '';
alter table audit add column address text not null default '';
