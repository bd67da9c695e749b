// Package statement holds the SQL that PostgreSQL and SQLite have in common.
package statement

import (
	"strconv"
	"strings"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

const (
	// EventColumns are an event's attributes, with the log as e, in the order in which
	// both engines read them.
	EventColumns = `e.id, e.bot, e.type, e.subject, e.order_key, e.verified_by, e.trace_parent, e.content_type, e.time, e.recorded_at`
	// StatusColumns are the status of an event, with the read model as s.
	StatusColumns = `s.status, s.attempts, s.updated_at`

	// MergeStatus ends an insert into event_status as s. It is [store.State.Merge] in
	// SQL; what belongs to the event itself is set by the first one that has it.
	MergeStatus = `
on conflict (event_id) do update set
	bot = coalesce(s.bot, excluded.bot),
	subject = coalesce(s.subject, excluded.subject),
	type = coalesce(s.type, excluded.type),
	time = coalesce(s.time, excluded.time),
	attempts = case when excluded.attempts > s.attempts then excluded.attempts else s.attempts end,
	updated_at = case when ` + newer + ` then excluded.updated_at else s.updated_at end,
	replays = case when ` + newer + ` then excluded.replays else s.replays end,
	status = case when ` + newer + ` then excluded.status else s.status end`

	// newer is the rule which of two states counts; 40 is delivered.
	newer = `(excluded.status = 40, excluded.replays, excluded.status, excluded.updated_at) > (s.status = 40, s.replays, s.status, s.updated_at)`
)

// List returns the query for a page and its arguments, with one row more than the page
// has, which tells whether another page follows. The position's time is given as the
// engine keeps it. The page is cut out of the read model before the log is looked at.
func List(q store.Query, afterTime any) (string, []any) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	where := []string{"time is not null"}
	for _, f := range []struct{ column, value string }{{"bot", q.Bot}, {"subject", q.Subject}, {"type", q.Type}} {
		if f.value != "" {
			where = append(where, f.column+" = "+arg(f.value))
		}
	}
	if q.Status != "" {
		where = append(where, statusFilter(q, arg(store.Code(q.Status))))
	}
	if q.After != (store.Position{}) {
		where = append(where, "(time, event_id) < ("+arg(afterTime)+", "+arg(q.After.ID)+")")
	}
	return `select ` + EventColumns + `, ` + StatusColumns + `
from (select event_id, time, status, attempts, updated_at from event_status
	where ` + strings.Join(where, " and ") + `
	order by time desc, event_id desc limit ` + arg(PageSize(q)+1) + `) s
join events e on e.id = s.event_id
order by s.time desc, s.event_id desc`, args
}

// statusFilter keeps the engines from reading everything with a status where another
// filter leaves less: SQLite, without statistics, would prefer the narrow index.
func statusFilter(q store.Query, status string) string {
	common := q.Status == event.StatusDelivered && (q.Bot != "" || q.Type != "")
	if q.Subject != "" || common {
		return "(status = " + status + ") is true"
	}
	return "status = " + status
}

// PageSize is the limit of a query, brought into its range.
func PageSize(q store.Query) int { return min(max(q.Limit, 1), store.MaxLimit) }

// Paginate makes a page of the rows that the query of List gave.
func Paginate(q store.Query, rows []*store.Record) *store.Page {
	size := PageSize(q)
	if len(rows) <= size {
		return &store.Page{Records: rows}
	}
	last := rows[size-1].Event
	return &store.Page{Records: rows[:size], Next: &store.Position{Time: last.Time, ID: last.ID}}
}
