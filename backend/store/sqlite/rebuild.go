package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	// rebuildRows bounds the rows that Rebuild has in memory.
	rebuildRows = 1000

	selectDay = `select ` + sqlstore.LogColumns + ` from events e
where (e.event_time, e.id) > ($1, $2) and e.event_time < $3 order by e.event_time, e.id limit $4`

	// selectNextTime finds the next day with entries.
	selectNextTime = `select event_time from events where event_time >= $1 order by event_time limit 1`

	deleteStatuses = `delete from event_status where event_id in
(select coalesce(ref, id) from events where event_time >= $1 and event_time < $2)`
	deleteUserCounts = `delete from user_counters where day = $1`
	deleteBotCounts  = `delete from bot_stats where day = $1`
)

// Rebuild implements [store.Maintainer]. As a file has one writer, Appends wait.
func (s *Store) Rebuild(ctx context.Context, day time.Time) (entries int64, err error) {
	err = s.write(ctx, func(t *transaction) (err error) {
		entries, err = t.rebuild(ctx, store.Day(day))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("rebuilding the read models of %s: %w", day.Format(time.DateOnly), classify(err))
	}
	return entries, nil
}

func (t *transaction) rebuild(ctx context.Context, day time.Time) (entries int64, err error) {
	from, to := day.UnixMicro(), sqlstore.NextDay(day).UnixMicro()
	if _, err := t.exec(ctx, deleteStatuses, from, to); err != nil {
		return 0, err
	}
	if err := t.deleteCounts(ctx, day); err != nil {
		return 0, err
	}
	for id := ""; ; {
		rows, err := t.entries(ctx, selectDay, from, id, to, rebuildRows)
		if err != nil || len(rows) == 0 {
			return entries, err
		}
		if err := t.mergeStatuses(ctx, rows); err != nil {
			return 0, err
		}
		if err := t.count(ctx, rows, 1); err != nil {
			return 0, err
		}
		last := rows[len(rows)-1]
		from, id = last.EventTime.UnixMicro(), last.ID
		entries += int64(len(rows))
	}
}

func (t *transaction) deleteCounts(ctx context.Context, day time.Time) error {
	for _, query := range []string{deleteUserCounts, deleteBotCounts} {
		if _, err := t.exec(ctx, query, day.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}

// entries reads rows of the log without bodies.
func (t *transaction) entries(ctx context.Context, text string, args ...any) ([]store.Entry, error) {
	return sqlstore.All(ctx, query(t, t.slow), sqlstore.ScanEntry, text, args...)
}

// Days implements [store.Maintainer].
func (s *Store) Days(ctx context.Context) (days []time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context, db sqlstore.Query) error {
		for from := any(math.MinInt64); ; {
			times, err := sqlstore.All(ctx, db, sqlstore.ScanTime, selectNextTime, from)
			if err != nil || len(times) == 0 {
				return err
			}
			day := store.Day(times[0])
			days = append(days, day)
			from = sqlstore.NextDay(day)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("reading the days of the log: %w", classify(err))
	}
	return days, nil
}
