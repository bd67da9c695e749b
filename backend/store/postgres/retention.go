package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// daysAhead is for how many days to come partitions are made.
	daysAhead = 7
	// retainStep is the part of a day whose statuses are deleted in one transaction.
	retainStep = 10 * time.Minute
	// clockSkew bounds how much the clocks of backends may differ.
	clockSkew = time.Hour
	// dropTries is how often dropping the partition is attempted, dropPause apart.
	dropTries = 10
	dropPause = time.Second

	// Once its status is deleted, an id can be recorded again on a later day.
	dropStatuses = `delete from event_status where ` + ofDay + ` and event_id = any (array(select coalesce(ref, id) from events where ` + ofDay + `))`
	// dropLate is for what was recorded while the day was being dropped.
	dropLate = `delete from event_status where ` + ofDay + ` and event_id = any (array(
	select coalesce(ref, id) from events where ` + ofDay + ` and recorded_at >= $3))`

	// selectUsed goes by the index: there may be many dead rows that are not vacuumed yet.
	selectUsed = `select (select event_time from events where ` + ofDay + ` order by event_time limit 1) is not null`

	dropSomeUserCounters = `delete from user_counters where ctid = any (array(select ctid from user_counters where day = $1 limit 10000))`
	dropSomeBotStats     = `delete from bot_stats where ctid = any (array(select ctid from bot_stats where day = $1 limit 10000))`
)

// Retain implements [store.Maintainer]. Dropping a partition locks the whole log for a moment;
// while long reads are in the way, that is tried again.
func (s *Store) Retain(ctx context.Context, before time.Time) ([]time.Time, error) {
	ahead := make([]time.Time, 0, daysAhead+2)
	for day := store.Day(time.Now()).Add(-24 * time.Hour); len(ahead) < cap(ahead); day = sqlstore.NextDay(day) {
		ahead = append(ahead, day)
	}
	if err := s.prepareDays(ctx, ahead); err != nil {
		return nil, fmt.Errorf("making partitions: %w", classify(err))
	}
	days, err := partitions(ctx, s.primary())
	if err != nil {
		return nil, fmt.Errorf("reading the partitions: %w", classify(err))
	}
	return sqlstore.RetainDays(ctx, classify, days, before, s.dropDay)
}

// dropDay deletes a day from the read models, and then its partition: last, as the log says what
// to delete.
func (s *Store) dropDay(ctx context.Context, day time.Time) error {
	since := time.Now().Add(-clockSkew)
	for from := day; from.Before(sqlstore.NextDay(day)); from = from.Add(retainStep) {
		if _, err := s.deleteBatch(ctx, day, dropStatuses, from, from.Add(retainStep)); err != nil {
			return err
		}
	}
	for _, sql := range []string{dropSomeUserCounters, dropSomeBotStats} {
		for some := int64(1); some > 0; {
			var err error
			if some, err = s.deleteBatch(ctx, day, sql, day); err != nil {
				return err
			}
		}
	}
	for try := 1; ; try++ {
		err := s.exclusively(ctx, dayNumber(day), func(tx pgx.Tx) error { return dropPartition(ctx, tx, day, since) })
		if codeOf(err) != codeLocked || try == dropTries {
			return err
		}
		if !retry.Sleep(ctx, dropPause) {
			return ctx.Err()
		}
	}
}

// deleteBatch deletes rows of a day under its exclusive lock, since Append locks rows in another
// order.
func (s *Store) deleteBatch(ctx context.Context, day time.Time, sql string, args ...any) (rows int64, err error) {
	err = s.exclusively(ctx, dayNumber(day), func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, append([]any{planned}, args...)...)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}

func dropPartition(ctx context.Context, tx pgx.Tx, day, since time.Time) error {
	if err := execute(ctx, tx, []any{day, sqlstore.NextDay(day), since}, dropLate); err != nil {
		return err
	}
	if err := execute(ctx, tx, []any{day}, dropUserCounters, dropBotStats); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, lockExclusively, partitionLock); err != nil {
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
		if err := s.primary().QueryRow(ctx, selectUsed, planned, day, sqlstore.NextDay(day)).Scan(&some); err != nil {
			return nil, fmt.Errorf("reading the days: %w", classify(err))
		}
		if some {
			used = append(used, day)
		}
	}
	return used, nil
}
