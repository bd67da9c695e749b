-- min_program: 2
-- Attempts by how long they took: up to 10, 25, 50, 100 and 250 ms, 1, 5 and 30 s, 5 min, and longer.
alter table bot_stats add column took_0 integer not null default 0;
alter table bot_stats add column took_1 integer not null default 0;
alter table bot_stats add column took_2 integer not null default 0;
alter table bot_stats add column took_3 integer not null default 0;
alter table bot_stats add column took_4 integer not null default 0;
alter table bot_stats add column took_5 integer not null default 0;
alter table bot_stats add column took_6 integer not null default 0;
alter table bot_stats add column took_7 integer not null default 0;
alter table bot_stats add column took_8 integer not null default 0;
alter table bot_stats add column took_9 integer not null default 0;
-- Deliveries by how long they came after the acceptance, in the same way.
alter table bot_stats add column waited_0 integer not null default 0;
alter table bot_stats add column waited_1 integer not null default 0;
alter table bot_stats add column waited_2 integer not null default 0;
alter table bot_stats add column waited_3 integer not null default 0;
alter table bot_stats add column waited_4 integer not null default 0;
alter table bot_stats add column waited_5 integer not null default 0;
alter table bot_stats add column waited_6 integer not null default 0;
alter table bot_stats add column waited_7 integer not null default 0;
alter table bot_stats add column waited_8 integer not null default 0;
alter table bot_stats add column waited_9 integer not null default 0;
