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

	noCounts = ` and (` + sqlstore.CountColumns + `) = (0, 0, 0, 0, 0, 0, 0, 0)`

	// updateUserTimes makes the times those of what remains of the user on the day.
	updateUserTimes = `update user_counters set
	first_at = coalesce((select e.event_time` + onDay + ` order by e.event_time, e.id limit 1), first_at),
	last_at = coalesce((select e.event_time` + onDay + ` order by e.event_time desc, e.id desc limit 1), last_at)
where subject = $1 and bot = $2 and day = $3`
	onDay           = ` from events e where e.subject = $1 and e.subject <> '' and e.bot = $2 and e.event_time >= $3 and e.event_time < $4`
	deleteUserCount = `delete from user_counters where subject = $1 and bot = $2 and day = $3` + noCounts
	deleteBotCount  = `delete from bot_stats where bot = $1 and minute = $2 and day = $3` + noCounts
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
	if err := t.count(ctx, entries, -1); err != nil {
		return err
	}
	for _, c := range store.CountUsers(entries) {
		day := c.Day.UnixMicro()
		if _, err := t.exec(ctx, updateUserTimes, c.Subject, c.Bot, day, sqlstore.NextDay(c.Day).UnixMicro()); err != nil {
			return err
		}
		if _, err := t.exec(ctx, deleteUserCount, c.Subject, c.Bot, day); err != nil {
			return err
		}
	}
	for _, c := range store.CountBots(entries) {
		if _, err := t.exec(ctx, deleteBotCount, c.Bot, c.Minute.UnixMicro(), c.Day.UnixMicro()); err != nil {
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
