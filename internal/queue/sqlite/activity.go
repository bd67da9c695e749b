package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// activitySeen bounds how many deliveries of a state, and how many fresh events, are looked at for the oldest
// of Record or of each bot that is no replay. Those with the lowest ids are.
const activitySeen = 10_000

// Activity implements [queue.Queue]. What it costs does not grow with the events that wait.
func (q *Queue) Activity(ctx context.Context) (queue.Activity, error) {
	found := queue.NewActivity()
	err := q.read(ctx, func() error {
		var oldest int64
		if err := q.reader.QueryRowContext(ctx, selectOldestRecord, activitySeen).Scan(&oldest); err != nil {
			return err
		}
		found.Oldest[queue.Record] = timeAt(oldest)
		rows, err := q.reader.QueryContext(ctx, selectActivity, activitySeen)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var name string
			var inFlight, oldest int64
			if err := rows.Scan(&name, &inFlight, &oldest); err != nil {
				return err
			}
			bot := event.BotOf(name)
			found.Bots[bot] = found.Bots[bot].AddLane(name, inFlight, timeAt(oldest))
		}
		return rows.Err()
	})
	if err != nil {
		return found, fmt.Errorf("reading what the queue file has in flight: %w", err)
	}
	return found, nil
}

// timeAt is a time of the file, where 0 is none.
func timeAt(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}

var selectOldestRecord = numbers.Replace(`SELECT ifnull((SELECT at FROM events WHERE seq = (SELECT min(seq) FROM (
	SELECT seq FROM (SELECT seq, replays FROM events
		WHERE seq >= (SELECT record_fresh FROM counters) AND grps & {in_record} ORDER BY seq LIMIT ?1) WHERE replays = 0
	UNION ALL SELECT id >> 1 FROM (SELECT id, replays FROM deliveries
		WHERE grp = {record} AND state = {leased} ORDER BY id LIMIT ?1) WHERE replays = 0
	UNION ALL SELECT id >> 1 FROM (SELECT id, replays FROM deliveries
		WHERE grp = {record} AND state = {delayed} ORDER BY id LIMIT ?1) WHERE replays = 0
	UNION ALL SELECT id >> 1 FROM (SELECT id, replays FROM deliveries
		WHERE grp = {record} AND state = {ready} ORDER BY id LIMIT ?1) WHERE replays = 0))), 0)`)

// Without replays the oldest of a bot can be blocked, behind a replay.
var selectActivity = numbers.Replace(`WITH
	leased AS MATERIALIZED (SELECT bot, count(*) AS n, min(id) FILTER (WHERE replays = 0) AS id FROM deliveries
		WHERE grp = {dispatch} AND state = {leased} GROUP BY bot),
	delayed AS MATERIALIZED (SELECT bot, min(id) AS id FROM (SELECT bot, id, replays FROM deliveries
		WHERE grp = {dispatch} AND state = {delayed} ORDER BY id LIMIT ?1) WHERE replays = 0 GROUP BY bot),
	blocked AS MATERIALIZED (SELECT bot, min(id) AS id FROM (SELECT bot, id, replays FROM deliveries
		WHERE grp = {dispatch} AND state = {blocked} ORDER BY id LIMIT ?1) WHERE replays = 0 GROUP BY bot),
	fresh AS MATERIALIZED (SELECT bot, min(seq) * 2 + 1 AS id FROM (SELECT bot, seq, replays FROM events
		WHERE seq >= (SELECT dispatch_fresh FROM counters) AND grps & {in_dispatch} ORDER BY seq LIMIT ?1)
		WHERE replays = 0 GROUP BY bot),
	ready AS MATERIALIZED (SELECT bot, (SELECT id FROM (SELECT id, replays FROM deliveries INDEXED BY deliveries_bot
		WHERE grp = {dispatch} AND state = {ready} AND bot = bots.bot ORDER BY id LIMIT ?1) WHERE replays = 0 LIMIT 1) AS id
		FROM bots WHERE depth > 0)
	SELECT bots.name, ifnull(leased.n, 0), ifnull((SELECT at FROM events WHERE seq = (SELECT min(id) FROM (SELECT leased.id AS id
		UNION ALL SELECT delayed.id UNION ALL SELECT blocked.id UNION ALL SELECT ready.id UNION ALL SELECT fresh.id)) >> 1), 0)
	FROM bots JOIN ready USING (bot) LEFT JOIN leased USING (bot) LEFT JOIN delayed USING (bot)
		LEFT JOIN blocked USING (bot) LEFT JOIN fresh USING (bot)`)
