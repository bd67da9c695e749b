package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	ofDay = `event_time >= $1 and event_time < $2`

	dropUserCounters = `delete from user_counters where day = $1`
	dropBotStats     = `delete from bot_stats where day = $1`
	countEntries     = `select count(*) from events where ` + ofDay
)

var (
	// rebuildStatus is the result of mergeStatus for all entries of a day, and writes only what
	// differs.
	rebuildStatus = sqlstore.Codes(`insert into event_status as s (
	event_id, event_time, bot, type, known, status, attempts, replays, updated_at)
select distinct on (about) about, event_time, first_value(bot) over itself, first_value(type) over itself,
	bool_or(ref is null) over event, status, max(attempt) over event, replays, time
from (
	select coalesce(ref, id) as about, event_time, bot, type, ref, id, status, coalesce(attempt, 0) as attempt,
		coalesce(replays, 0) as replays, time
	from events where ` + ofDay + `
) e
window event as (partition by about), itself as (partition by about order by ref nulls first, id)
order by about, status = {delivered} desc, replays desc, status desc, time desc
on conflict (event_id) do update set event_time = excluded.event_time, bot = excluded.bot, type = excluded.type,
	known = excluded.known, status = excluded.status, attempts = excluded.attempts, replays = excluded.replays,
	updated_at = excluded.updated_at
where s.event_time >= $1 and s.event_time < $2
	and (s.event_time, s.bot, s.type, s.known, s.status, s.attempts, s.replays, s.updated_at) is distinct from
	(excluded.event_time, excluded.bot, excluded.type, excluded.known, excluded.status, excluded.attempts,
	excluded.replays, excluded.updated_at)`)

	// deleteOrphans removes statuses by which lists would find events that are not in the log.
	deleteOrphans = sqlstore.Codes(`delete from event_status s where known and status <> {delivered}
	and status in ({scheduled}, {due}, {accepted}, {deferred}, {released}, {replayed}, {failed}, {expired}, {dead}, {dropped},
		{cancelled}) and ` + ofDay + `
	and not exists (select from events e
		where e.event_time = s.event_time and e.id = s.event_id and e.event_time >= $1 and e.event_time < $2)`)

	rebuildUsers = countUsers + `events where ` + ofDay + groupUsers
	rebuildBots  = countBots + `events where event_time >= $2 and event_time < $3` + groupBots
)

// Rebuild implements [store.Maintainer].
func (s *Store) Rebuild(ctx context.Context, day time.Time) (entries int64, err error) {
	day = store.Day(day)
	end := sqlstore.NextDay(day)
	err = s.exclusively(ctx, dayNumber(day), func(tx pgx.Tx) error {
		if err := execute(ctx, tx, []any{day, end}, rebuildStatus, deleteOrphans); err != nil {
			return err
		}
		if err := execute(ctx, tx, []any{day}, dropUserCounters, dropBotStats); err != nil {
			return err
		}
		if err := execute(ctx, tx, []any{day, end}, rebuildUsers); err != nil {
			return err
		}
		if err := execute(ctx, tx, []any{0, day, end}, rebuildBots); err != nil {
			return err
		}
		return tx.QueryRow(ctx, countEntries, planned, day, end).Scan(&entries)
	})
	if err != nil {
		return 0, fmt.Errorf("rebuilding %s: %w", day.Format(time.DateOnly), classify(err))
	}
	return entries, nil
}
