package sqlite

import (
	"context"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

// removeRows is how many rows are removed in one transaction, which takes some 10 ms.
const removeRows = 200

const (
	deleteLog    = `delete from events where event_time = $1 and id = $2`
	deleteStatus = `delete from event_status where event_id = $1`
	selectAbout  = `select ` + sqlstore.LogColumns + aboutEvent
	aboutEvent   = ` from events e where e.event_time = $1 and (e.id = $2 or e.ref = $2) order by e.ref nulls first, e.time, e.id`

	subtractCounts = ` accepted = accepted - $1, deferred = deferred - $2, delivered = delivered - $3, failed = failed - $4,
	dead = dead - $5, expired = expired - $6, replayed = replayed - $7`
	noCounts = ` and (accepted, deferred, delivered, failed, dead, expired, replayed) = (0, 0, 0, 0, 0, 0, 0)`

	// The times are those of what remains of the user on that day.
	subtractUserCounts = `update user_counters set` + subtractCounts + `,
	first_at = coalesce((select e.event_time from events e where e.subject = $8 and e.subject <> '' and e.bot = $9
		and e.event_time >= $10 and e.event_time < $11 order by e.event_time, e.id limit 1), first_at),
	last_at = coalesce((select e.event_time from events e where e.subject = $8 and e.subject <> '' and e.bot = $9
		and e.event_time >= $10 and e.event_time < $11 order by e.event_time desc, e.id desc limit 1), last_at)
where subject = $8 and bot = $9 and day = $10`
	deleteUserCount = `delete from user_counters where subject = $1 and bot = $2 and day = $3` + noCounts

	subtractBotCounts = `update bot_stats set` + subtractCounts + `, took_ms = took_ms - $8
where bot = $9 and minute = $10 and day = $11`
	deleteBotCount = `delete from bot_stats where bot = $1 and minute = $2 and day = $3` + noCounts
)

// remove removes entries from the log and the read models. Another process may have removed some
// of them.
func (t *transaction) remove(ctx context.Context, found []store.Entry) error {
	entries := make([]store.Entry, 0, len(found))
	for _, e := range found {
		n, err := t.exec(ctx, deleteLog, e.EventTime.UnixMicro(), e.ID)
		if err != nil {
			return err
		}
		if n == 1 {
			entries = append(entries, e)
		}
	}
	for _, p := range store.Project(entries) {
		if err := t.recomputeStatus(ctx, p); err != nil {
			return err
		}
	}
	for _, c := range store.CountUsers(entries) {
		if err := t.subtractUserCount(ctx, c); err != nil {
			return err
		}
	}
	for _, c := range store.CountBots(entries) {
		if err := t.subtractBotCount(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// recomputeStatus projects what is left of an event.
func (t *transaction) recomputeStatus(ctx context.Context, p store.Projection) error {
	if _, err := t.exec(ctx, deleteStatus, p.EventID); err != nil {
		return err
	}
	rest, err := t.entries(ctx, selectAbout, p.EventTime.UnixMicro(), p.EventID)
	if err != nil {
		return err
	}
	return t.mergeStatuses(ctx, rest)
}

func (t *transaction) subtractUserCount(ctx context.Context, c store.UserCount) error {
	day := c.Day.UnixMicro()
	args := append(c.Counts.Columns(), c.Subject, c.Bot, day, sqlstore.NextDay(c.Day).UnixMicro())
	if _, err := t.exec(ctx, subtractUserCounts, args...); err != nil {
		return err
	}
	_, err := t.exec(ctx, deleteUserCount, c.Subject, c.Bot, day)
	return err
}

func (t *transaction) subtractBotCount(ctx context.Context, c store.BotCount) error {
	minute, day := c.Minute.UnixMicro(), c.Day.UnixMicro()
	if _, err := t.exec(ctx, subtractBotCounts, append(c.Counts.Columns(), c.Duration.Milliseconds(), c.Bot, minute, day)...); err != nil {
		return err
	}
	_, err := t.exec(ctx, deleteBotCount, c.Bot, minute, day)
	return err
}
