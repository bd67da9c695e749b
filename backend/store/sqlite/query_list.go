package sqlite

import (
	"context"
	"math"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

// selectLast reads the change by which the event e got its status.
var selectLast = sqlstore.Codes(`iif(s.status in ({scheduled}, {accepted}, {deferred}), null, (select d.data from events d indexed by events_key
	where d.event_time = e.event_time and d.ref = e.id and d.status > {repeated} order by `) + sqlstore.LastFirst + ` limit 1))`

// contains is the condition that a body has an argument in it.
const contains = "instr(e.data, ?) > 0"

// readPage is [sqlstore.Base.Page].
func readPage(ctx context.Context, db sqlstore.Query, q store.Query) (*store.Page, error) {
	query, args := listQuery(q)
	records, err := sqlstore.All(ctx, db, sqlstore.ScanRecord, query, args...)
	if err != nil {
		return nil, err
	}
	return sqlstore.Paginate(q, records), nil
}

// listQuery returns the query for a page, and one row more. SQLite has no statistics, so the join order and
// the index are given.
func listQuery(q store.Query) (string, []any) {
	f := &sqlstore.Filter{}
	if sqlstore.ByStatus(q) {
		byStatus(f, q)
		f.Equal("s.bot", q.Bot)
		f.Equal("e.type", q.Type)
		from := statusIndex + `
cross join events e on e.event_time = s.event_time and e.id = s.event_id`
		return page(f, q, from, "s.event_time", "s.event_id")
	}
	f.And("e.ref is null")
	f.Equal("e.subject", q.Subject)
	f.Equal("e.type", q.Type)
	f.Equal("e.bot", q.Bot)
	if len(q.Statuses) > 0 {
		f.And(f.OneOf("s.status", q.Statuses))
	}
	from := logIndex(f, q) + ` cross join event_status s on s.event_id = e.id`
	return page(f, q, from, "e.event_time", "e.id")
}

// statusIndex has the few events that are not delivered, see [sqlstore.EachStatus].
const statusIndex = `event_status s indexed by event_status_open`

// byStatus asks for one status, with conditions as the index has them.
func byStatus(f *sqlstore.Filter, q store.Query) {
	f.And("s.bot is not null")
	f.And(undelivered)
	f.And(f.OneOf("s.status", q.Statuses))
}

// logIndex is the log with the index that leaves the fewest rows.
func logIndex(f *sqlstore.Filter, q store.Query) string {
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
	return `events e indexed by ` + index
}

// edgeQuery is [sqlstore.Base.EdgeQuery]. By time and by user an index has the changes of events too, which are
// rows to be passed as well.
func edgeQuery(q store.Query, n int) (string, []any) {
	f := &sqlstore.Filter{}
	if sqlstore.ByStatus(q) {
		byStatus(f, q)
		return `select s.event_time from ` + statusIndex + f.Edge("s.event_time", q, n), f.Args
	}
	from := logIndex(f, q)
	switch {
	case q.Subject != "":
		f.Equal("e.subject", q.Subject)
	case q.Type != "":
		f.Equal("e.type", q.Type)
		f.And("e.ref is null")
	case q.Bot != "":
		f.Equal("e.bot", q.Bot)
		f.And("e.ref is null")
	}
	return `select e.event_time from ` + from + f.Edge("e.event_time", q, n), f.Args
}

func page(f *sqlstore.Filter, q store.Query, from, at, id string) (string, []any) {
	after, start := any(math.MaxInt64), q.Start()
	switch {
	case start != store.Position{}:
		after = start.Time
	case q.Oldest:
		after = math.MinInt64
	}
	f.Attributes(q, contains)
	compare, order := sqlstore.Behind(q)
	f.And("(" + at + ", " + id + ") " + compare + " (" + f.Arg(after) + ", " + f.Arg(start.ID) + ")")
	f.Until(at, q)
	return `select ` + sqlstore.LogColumns + `, ` + sqlstore.ListColumns + `, ` + selectLast + ` from ` + from + f.Where() +
		` order by ` + at + ` ` + order + `, ` + id + ` ` + order + ` limit ` + f.Arg(q.Size()+1), f.Args
}
