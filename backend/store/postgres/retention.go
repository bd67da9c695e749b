package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
)

const (
	// daysAhead is for how many days partitions are there before their events.
	daysAhead = 7
	// retainStep is the part of a day whose statuses go at once.
	retainStep = 10 * time.Minute
	// clockSkew is by how much the clocks of backends may differ.
	clockSkew = time.Hour
	// dropTries is how often the partition is tried to be dropped, dropPause apart.
	dropTries = 10
	dropPause = time.Second

	// An id whose status has gone can be claimed again, with a later day.
	dropStatuses = `delete from event_status where ` + ofDay + ` and event_id = any (array(select coalesce(ref, id) from events where ` + ofDay + `))`
	// dropLate is for what was recorded while the day was on its way out.
	dropLate = `delete from event_status where ` + ofDay + ` and event_id = any (array(
	select coalesce(ref, id) from events where ` + ofDay + ` and recorded_at >= $3))`

	// selectUsed is by the index, since there may be much that is deleted and not vacuumed yet.
	selectUsed = `select (select event_time from events where ` + ofDay + ` order by event_time limit 1) is not null`

	dropSomeUserCounters = `delete from user_counters where ctid = any (array(select ctid from user_counters where day = $1 limit 10000))`
	dropSomeBotStats     = `delete from bot_stats where ctid = any (array(select ctid from bot_stats where day = $1 limit 10000))`
)

// Retain implements [store.Maintainer]. Dropping a partition takes a lock on all of the log
// for a moment, for which it tries again later when somebody reads for long.
func (s *Store) Retain(ctx context.Context, before time.Time) (store.Retained, error) {
	var done store.Retained
	ahead := make([]time.Time, 0, daysAhead+2)
	for day := store.Day(time.Now()).Add(-24 * time.Hour); len(ahead) < cap(ahead); day = nextDay(day) {
		ahead = append(ahead, day)
	}
	if err := s.prepareDays(ctx, ahead); err != nil {
		return done, fmt.Errorf("making partitions: %w", classify(err))
	}
	days, err := partitions(ctx, s.primary())
	if err != nil {
		return done, fmt.Errorf("reading the partitions: %w", classify(err))
	}
	for _, day := range days {
		if nextDay(day).After(before) {
			break
		}
		if err := s.dropDay(ctx, day); err != nil {
			return done, fmt.Errorf("dropping %s: %w", day.Format(time.DateOnly), classify(err))
		}
		done.Days = append(done.Days, day)
	}
	return done, nil
}

// dropDay removes what the read models have of a day, and then the day, which takes
// the log with it that tells what else there is to remove.
func (s *Store) dropDay(ctx context.Context, day time.Time) error {
	since := time.Now().Add(-clockSkew)
	for from := day; from.Before(nextDay(day)); from = from.Add(retainStep) {
		if _, err := s.removeSome(ctx, day, dropStatuses, from, from.Add(retainStep)); err != nil {
			return err
		}
	}
	for _, sql := range []string{dropSomeUserCounters, dropSomeBotStats} {
		for some := int64(1); some > 0; {
			var err error
			if some, err = s.removeSome(ctx, day, sql, day); err != nil {
				return err
			}
		}
	}
	for try := 1; ; try++ {
		err := s.exclusively(ctx, dayNumber(day), func(tx pgx.Tx) error { return dropPartition(ctx, tx, day, since) })
		if codeOf(err) != codeLocked || try == dropTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(dropPause):
		}
	}
}

// removeSome deletes rows of a day, alone with it: writers lock rows in another order.
func (s *Store) removeSome(ctx context.Context, day time.Time, sql string, args ...any) (rows int64, err error) {
	err = s.exclusively(ctx, dayNumber(day), func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, append([]any{planned}, args...)...)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}

func dropPartition(ctx context.Context, tx pgx.Tx, day, since time.Time) error {
	if err := execute(ctx, tx, []any{day, nextDay(day), since}, dropLate); err != nil {
		return err
	}
	if err := execute(ctx, tx, []any{day}, dropUserCounters, dropBotStats); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, lockAlone, partitionLock); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, dropSettings+"; drop table if exists "+pgx.Identifier{partition(day)}.Sanitize())
	return err
}

// Days implements [store.Maintainer].
func (s *Store) Days(ctx context.Context) ([]time.Time, error) {
	days, err := partitions(ctx, s.primary())
	if err != nil {
		return nil, fmt.Errorf("reading the days: %w", classify(err))
	}
	used := days[:0]
	for _, day := range days {
		var some bool
		if err := s.primary().QueryRow(ctx, selectUsed, planned, day, nextDay(day)).Scan(&some); err != nil {
			return nil, fmt.Errorf("reading the days: %w", classify(err))
		}
		if some {
			used = append(used, day)
		}
	}
	return used, nil
}
