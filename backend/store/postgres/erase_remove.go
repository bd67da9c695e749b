package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

// removeChunk is how many entries are removed in one transaction.
const removeChunk = 10_000

const (
	// %[1]s is the partition of the day, %[2]s the condition of what to remove, and %[3]s
	// uncountBots. The changes of an event are removed with it, whether they match or not.
	removeEntries = `with gone as (
	delete from %[1]s where ctid = any (array(
		(select ctid from %[1]s where %[2]s limit $1)
		union
		select c.ctid from (select event_time, id from %[1]s where %[2]s and ref is null limit $1) e cross join lateral (
			select ctid from %[1]s c where c.event_time = e.event_time and c.ref = e.id offset 0
		) c
	)) returning event_time, time, took_ms, status, id, ref, bot, subject
), statuses as (
	delete from event_status where event_id = any (array(select coalesce(ref, id) from gone))
		and event_time >= $3 and event_time < $4
), bots as (
	%[3]s
)
select count(*), count(*) filter (where ref is null),
	coalesce(array_agg(distinct subject) filter (where subject <> ''), '{}') from gone`

	// Under the exclusive lock of the day the counters of users are counted anew.
	dropCounted  = `delete from user_counters where day = $1 and subject = any ($2)`
	dropZeroBots = `delete from bot_stats b using (
	select bot, minute from bot_stats where day = $1 group by bot, minute having ` + sqlstore.NoCounts + `
) z where b.day = $1 and b.bot = z.bot and b.minute = z.minute`
)

var (
	countAgain = countUsers + `events where ` + ofDay + ` and subject = any ($3)` + groupUsers

	// uncountBots subtracts the removed entries from the statistics of bots.
	uncountBots = strings.NewReplacer(
		"count(*)", "-count(*)", "coalesce(sum(took_ms), 0)", "-coalesce(sum(took_ms), 0)", "$1", "0",
	).Replace(countBots + "gone where true" + groupBots)
)

// removal says which entries to remove, by a condition on $2.
type removal struct {
	where string
	arg   any
}

// remove takes a chunk of the entries of a day out of the log and out of the read models.
func (s *Store) remove(ctx context.Context, day time.Time, r removal) (entries, events int64, err error) {
	sql := fmt.Sprintf(removeEntries, pgx.Identifier{partition(day)}.Sanitize(), r.where, uncountBots)
	err = s.exclusively(ctx, dayNumber(day), func(tx pgx.Tx) error {
		var subjects []string
		if err := tx.QueryRow(ctx, sql, planned, removeChunk, r.arg, day, sqlstore.NextDay(day)).Scan(&entries, &events, &subjects); err != nil {
			return err
		}
		if err := execute(ctx, tx, []any{day}, dropZeroBots); err != nil || len(subjects) == 0 {
			return err
		}
		if err := execute(ctx, tx, []any{day, subjects}, dropCounted); err != nil {
			return err
		}
		return execute(ctx, tx, []any{day, sqlstore.NextDay(day), subjects}, countAgain)
	})
	if codeOf(err) == codeUndefined { // The day was dropped meanwhile.
		return 0, 0, nil
	}
	return entries, events, err
}

// removeAll removes all such entries of days, and returns how many events there were. After each chunk it calls removed,
// unless that is nil.
func (s *Store) removeAll(ctx context.Context, days []time.Time, r removal, removed func(events int64) error) (all int64, err error) {
	for _, day := range days {
		for entries := int64(removeChunk); entries >= removeChunk; {
			var events int64
			if entries, events, err = s.remove(ctx, day, r); err != nil {
				return all, err
			}
			all += events
			if removed == nil {
				continue
			}
			if err := removed(events); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}
