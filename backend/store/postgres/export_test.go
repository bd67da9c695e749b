package postgres

import "context"

// AlwaysCopy has the smallest batch copied.
func AlwaysCopy(s *Store) { s.copyFrom = 1 }

// Corrupt makes the read models wrong.
func (s *Store) Corrupt(ctx context.Context) error {
	_, err := s.primary().Exec(ctx, `update event_status set status = 40, attempts = 99, replays = 9, event_time = event_time + interval '1 us', updated_at = '2001-01-01';
update event_status set status = 10, known = false where event_id in (select event_id from event_status limit 3);
delete from event_status where event_id in (select event_id from event_status order by 1 desc limit 3);
insert into event_status select event_time, updated_at, 0, 0, 30, true, 'stray', bot, type from event_status limit 1;
update user_counters set accepted = accepted + 1, last_at = last_at + interval '1 s';
insert into user_counters select first_at, last_at, day, 1, 1, 1, 1, 1, 1, 1, 'ghost', bot from user_counters on conflict do nothing;
delete from bot_stats where ctid in (select ctid from bot_stats limit 2);
update bot_stats set took_ms = took_ms * 2 + 1`)
	return err
}
