package sqlite

import (
	"context"
	"fmt"
)

// LimitPages makes the file full at n pages, as a disk would.
func (s *Store) LimitPages(ctx context.Context, n int) error {
	_, err := s.writer.ExecContext(ctx, fmt.Sprintf("pragma max_page_count = %d", n))
	return err
}

// Corrupt makes the read models wrong.
func (s *Store) Corrupt(ctx context.Context) error {
	for _, query := range []string{
		`update event_status set status = 40, attempts = 99, replays = 9, event_time = event_time + 1, updated_at = 0`,
		`delete from event_status where event_id in (select event_id from event_status limit 3)`,
		`update user_counters set accepted = accepted + 1, last_at = last_at + 1`,
		`insert into user_counters select 'ghost', bot, day, accepted, deferred, delivered, failed, dead, expired, replayed, first_at, last_at, dropped
			from user_counters where true on conflict do nothing`,
		`delete from bot_stats where bot = 'a'`,
		`update bot_stats set took_ms = took_ms * 2 + 1`,
	} {
		if _, err := s.writer.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}
