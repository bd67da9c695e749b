package sqlite

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

var (
	// mergeStatus is [store.State.Merge] in SQL.
	mergeStatus = `
insert into event_status as s (event_id, event_time, bot, status, attempts, replays, updated_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (event_id) do update set
	bot = coalesce(s.bot, excluded.bot),
	attempts = max(s.attempts, excluded.attempts),
	updated_at = iif(` + newer + `, excluded.updated_at, s.updated_at),
	replays = iif(` + newer + `, excluded.replays, s.replays),
	status = iif(` + newer + `, excluded.status, s.status)`
	newer = sqlstore.Codes(`(excluded.status = {delivered}, excluded.replays, excluded.status, excluded.updated_at)
	> (s.status = {delivered}, s.replays, s.status, s.updated_at)`)
)

const (
	addUserCounts = `
insert into user_counters as c (` + sqlstore.CountColumns + `, subject, bot, day, first_at, last_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (subject, bot, day) do update set ` + sqlstore.AddCounts + `,
	first_at = min(c.first_at, excluded.first_at), last_at = max(c.last_at, excluded.last_at)`
)

var addBotCounts = `
insert into bot_stats as c (` + sqlstore.ActivityColumns + `, bot, minute, day, took_ms)
values (` + placeholders(len((&store.Activity{}).Numbers())+4) + `)
on conflict (bot, minute, day) do update set ` + sqlstore.AddActivity + `, took_ms = c.took_ms + excluded.took_ms`

func placeholders(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(all, ", ")
}

// project updates the read models with entries that are new in the log. The status of events is
// there already.
func (t *transaction) project(ctx context.Context, recorded []store.Entry) error {
	changes := slices.DeleteFunc(slices.Clone(recorded), func(e store.Entry) bool { return e.Ref == "" })
	if err := t.mergeStatuses(ctx, changes); err != nil {
		return err
	}
	return t.count(ctx, recorded, 1)
}

// count adds entries to the counters and the statistics, sign times: 1 for those that are new in the
// log, and -1 for those that were removed.
func (t *transaction) count(ctx context.Context, entries []store.Entry, sign int64) error {
	for _, c := range store.CountUsers(entries) {
		var counts store.Counts
		counts.Add(c.Counts, sign)
		args := append(counts.Columns(), c.Subject, c.Bot, c.Day.UnixMicro(), c.First.UnixMicro(), c.Last.UnixMicro())
		if _, err := t.exec(ctx, addUserCounts, args...); err != nil {
			return err
		}
	}
	for _, c := range store.CountBots(entries) {
		var signed store.Activity
		signed.Add(c.Activity, sign)
		args := append(signed.Columns(), c.Bot, c.Minute.UnixMicro(), c.Day.UnixMicro(), signed.Duration.Milliseconds())
		if _, err := t.exec(ctx, addBotCounts, args...); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) mergeStatuses(ctx context.Context, entries []store.Entry) error {
	for _, p := range store.Project(entries) {
		var bot any
		if p.Event != nil {
			bot = p.Event.Bot
		}
		_, err := t.exec(ctx, mergeStatus, p.EventID, p.EventTime.UnixMicro(), bot,
			store.Code(p.State.Status), p.State.Attempts, p.State.Replays, p.State.UpdatedAt.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}
