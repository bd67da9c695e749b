-- How often the event had come back from the dead letters when it got its status. Delivered
-- (40) gives way to nothing; then more replays count more than a greater status, of which
-- there is one more: 15 replayed.
alter table event_status add column replays integer not null default 0;
