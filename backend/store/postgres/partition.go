package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	// lockClass is the first key of the log's advisory locks: "bgat" in ASCII, also in migration
	// 0001. The second key is the number of a day, or one of the following.
	lockClass = `1650942324`
	// allDays is held, shared, by every Append.
	allDays = -1
	// partitionLock is held while partitions are made or dropped.
	partitionLock = -2
	// moveLockKey is held while buckets move from or to the database.
	moveLockKey = -3

	lockExclusively = `select pg_advisory_xact_lock(` + lockClass + `, $1)`

	partitionPrefix = "events_"
	partitionDay    = "20060102"

	selectPartitions = `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'events'::regclass order by c.relname`
)

// dayNumber counts the days from 1970-01-01 to that of a time.
func dayNumber(t time.Time) int32 { return int32(store.Day(t).Unix() / (24 * 60 * 60)) }

func daysOf(rows []store.Entry) []time.Time {
	numbers := dayNumbers(rows)
	days := make([]time.Time, len(numbers))
	for i, n := range numbers {
		days[i] = time.Unix(int64(n)*24*60*60, 0).UTC()
	}
	return days
}

func partition(day time.Time) string { return partitionPrefix + day.Format(partitionDay) }

// prepareDays makes missing partitions. A table is made first and attached then: unlike "create
// table partition of" that does not block reads and Appends.
func (s *Store) prepareDays(ctx context.Context, days []time.Time) error {
	return pgx.BeginFunc(ctx, s.primary(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockExclusively, partitionLock); err != nil {
			return err
		}
		have, err := partitions(ctx, tx)
		if err != nil {
			return err
		}
		for _, day := range days {
			if slices.ContainsFunc(have, day.Equal) {
				continue
			}
			name := pgx.Identifier{partition(day)}.Sanitize()
			_, err := tx.Exec(ctx, fmt.Sprintf("create table %s (like events including all);\nalter table events attach partition %s for values from ('%s') to ('%s')",
				name, name, day.Format(time.RFC3339), sqlstore.NextDay(day).Format(time.RFC3339)))
			if err != nil {
				return fmt.Errorf("making a partition: %w", err)
			}
		}
		return nil
	})
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// partitions returns the days that have a partition, oldest first.
func partitions(ctx context.Context, q querier) ([]time.Time, error) {
	// CollectRows returns the error of Query as well.
	rows, _ := q.Query(ctx, selectPartitions)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	days := make([]time.Time, 0, len(names))
	for _, name := range names {
		day, err := time.Parse(partitionPrefix+partitionDay, name)
		if err != nil {
			return nil, fmt.Errorf("the partition %q is not one of a day: %w", name, err)
		}
		days = append(days, day)
	}
	return days, nil
}
