package statement

// The SQL of the counters, in the order of [store.Counts.Columns].
const (
	// CountColumns are the counters in user_counters and bot_stats.
	CountColumns = `accepted, deferred, delivered, failed, dead, expired, replayed`

	// CountRows are their values for rows of the log; see [store.CountsOf].
	CountRows = `count(*) filter (where status in (10, 12)), count(*) filter (where status = 12),
	count(*) filter (where status = 40), count(*) filter (where status = 20), count(*) filter (where status = 30),
	count(*) filter (where status = 25), count(*) filter (where status = 15)`

	// SumCounts adds them up.
	SumCounts = `sum(accepted), sum(deferred), sum(delivered), sum(failed), sum(dead), sum(expired), sum(replayed)`

	// AddCounts are the assignments of an upsert into a table with the alias c.
	AddCounts = `accepted = c.accepted + excluded.accepted, deferred = c.deferred + excluded.deferred,
	delivered = c.delivered + excluded.delivered, failed = c.failed + excluded.failed, dead = c.dead + excluded.dead,
	expired = c.expired + excluded.expired, replayed = c.replayed + excluded.replayed`
)

const (
	// SelectUser reads the counters of user $1, at bot $2 unless that is empty.
	SelectUser = `select bot, min(first_at), max(last_at), ` + SumCounts + ` from user_counters
where subject = $1 and ($2 = '' or bot = $2) group by bot order by bot`

	// SelectUserAt counts them in the log as it was at the time $3.
	SelectUserAt = `select bot, min(event_time), max(event_time), ` + CountRows + ` from events
where subject = $1 and subject <> '' and ($2 = '' or bot = $2) and event_time <= $3 and time <= $3 group by bot order by bot`
)
