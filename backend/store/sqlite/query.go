package sqlite

import (
	"math"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	selectTime = `select event_time from event_status where event_id = $1 and bot is not null`
	selectRows = `select ` + sqlstore.LogColumns + `, e.data` + aboutEvent
)

// listQuery is [sqlstore.Base.ListQuery]. SQLite has no statistics, so the join order and the index are given.
func listQuery(q store.Query) (string, []any) {
	if q.Unfinished() && q.Subject == "" {
		return listByStatus(q)
	}
	f := &sqlstore.Filter{}
	f.And("e.ref is null")
	f.Equal("e.subject", q.Subject)
	f.Equal("e.type", q.Type)
	f.Equal("e.bot", q.Bot)
	if len(q.Statuses) > 0 {
		f.And(f.OneOf("s.status", q.Statuses))
	}
	index := "events_key"
	switch {
	case q.Subject != "":
		index = "events_subject"
		f.And("e.subject <> ''") // As the index has it.
	case q.Type != "":
		index = "events_type"
	case q.Bot != "":
		index = "events_bot"
	}
	from := `events e indexed by ` + index + ` cross join event_status s on s.event_id = e.id`
	return page(f, q, from, "e.event_time", "e.id")
}

// countQuery is [sqlstore.Base.CountQuery].
var countQuery = `select count(*) from (select 1 from event_status s indexed by event_status_open
where s.bot is not null and ` + undelivered + ` and s.status = $1 limit $2)`

// undelivered is a condition as the index has it.
var undelivered = sqlstore.Codes("s.status <> {delivered}")

// listByStatus is for one status, that few events have; see [sqlstore.EachStatus].
func listByStatus(q store.Query) (string, []any) {
	f := &sqlstore.Filter{}
	f.And("s.bot is not null")
	f.And(undelivered)
	f.And(f.OneOf("s.status", q.Statuses))
	f.Equal("s.bot", q.Bot)
	f.Equal("e.type", q.Type)
	from := `event_status s indexed by event_status_open
cross join events e on e.event_time = s.event_time and e.id = s.event_id`
	return page(f, q, from, "s.event_time", "s.event_id")
}

// selectDeath reads the change by which an event died, which is the one with the most replays.
var selectDeath = sqlstore.Codes(`(select d.data from events d indexed by events_key
	where d.event_time = e.event_time and d.ref = e.id and d.status = {dead} order by d.replays desc, d.time desc limit 1)`)

func page(f *sqlstore.Filter, q store.Query, from, at, id string) (string, []any) {
	after, death, start := any(math.MaxInt64), "null", q.Start()
	switch {
	case start != store.Position{}:
		after = start.Time
	case q.Oldest:
		after = math.MinInt64
	}
	if q.Dead() {
		death = selectDeath
	}
	compare, order := sqlstore.Behind(q)
	f.And("(" + at + ", " + id + ") " + compare + " (" + f.Arg(after) + ", " + f.Arg(start.ID) + ")")
	f.Until(at, q)
	return `select ` + sqlstore.LogColumns + `, s.status, s.attempts, s.replays, s.updated_at, ` + death + ` from ` + from + f.Where() +
		` order by ` + at + ` ` + order + `, ` + id + ` ` + order + ` limit ` + f.Arg(q.Size()+1), f.Args
}

// logQuery reads all of a user's entries for each page, as they are few.
func logQuery(q store.LogQuery) (string, []any) {
	f := &sqlstore.Filter{}
	f.And("(e.recorded_at, e.id) > (" + f.Arg(q.After.RecordedAt) + ", " + f.Arg(q.After.ID) + ")")
	index := "events_recorded"
	if q.Subject != "" {
		index = "events_subject"
		f.And("e.subject <> ''") // As the index has it.
	}
	f.Equal("e.subject", q.Subject)
	f.Equal("e.bot", q.Bot)
	f.Equal("e.type", q.Type)
	data := "iif(e.ref is null, null, e.data)"
	if q.Bodies {
		data = "e.data"
	}
	return `select ` + sqlstore.LogColumns + `, ` + data + ` from events e indexed by ` + index + f.Where() +
		` order by e.recorded_at, e.id limit ` + f.Arg(q.Size()), f.Args
}
