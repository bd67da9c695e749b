package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
	"github.com/botgate/botgate/internal/event"
)

const (
	// "offset 0" is an optimization fence: whatever the planner estimates, the subquery is run
	// for each row that the outer query needs.

	// listLog begins a list in the order of the log, with a lookup of the status of its events.
	listLog = `select event_time, id, s.status, s.attempts, s.replays, s.updated_at from events e
cross join lateral (select status, attempts, replays, updated_at from event_status where event_id = e.id`

	// listStatus begins a list by one status, that few events have.
	listStatus = `select event_time, event_id, status, attempts, replays, updated_at from event_status`
)

var (
	// selectListed reads the events of a list, each with the change by which it got its status. The days
	// tell the planner which partitions they are in.
	selectListed = sqlstore.Codes(`select ` + sqlstore.LogColumns + `, ` + sqlstore.ListColumns + `, case when s.status not in ({scheduled}, {accepted}, {deferred}) then (
	select data from events d where d.event_time = e.event_time and d.ref = e.id and d.status > {repeated}
		and event_time between $7 and $8 order by ` + sqlstore.LastFirst + ` limit 1) end
from unnest($1::timestamptz[], $2::text[], $3::smallint[], $4::integer[], $5::integer[], $6::timestamptz[])
	s (event_time, id, status, attempts, replays, updated_at)
cross join lateral (select * from events e where e.event_time = s.event_time and e.id = s.id and event_time between $7 and $8 offset 0) e`)

	countQuery = `select count(*) from (select from event_status where known and ` + undelivered + ` and status = $1 limit $2) s`
)

// contains is the condition that a body has an argument in it.
const contains = "position(?::bytea in e.data) > 0"

// undelivered is a condition as the index has it.
var undelivered = sqlstore.Codes("status <> {delivered}")

// ordered ends a query with a page of a list, behind its position.
func ordered(f *sqlstore.Filter, q store.Query, id string) string {
	compare, order := sqlstore.Behind(q)
	if start := q.Start(); start != (store.Position{}) {
		at := f.Arg(start.Time)
		f.And("event_time " + compare + "= " + at) // Only this tells the planner which partitions to read.
		f.And("(event_time, " + id + ") " + compare + " (" + at + ", " + f.Arg(start.ID) + ")")
	}
	f.Until("event_time", q)
	return f.Where() + " order by event_time " + order + ", " + id + " " + order + " limit " + f.Arg(q.Size()+1)
}

// listQuery returns the query for the statuses of a page, and of one event more.
func listQuery(q store.Query) (string, []any) {
	f := &sqlstore.Filter{}
	if sqlstore.ByStatus(q) {
		byStatus(f, q)
		f.Equal("bot", q.Bot)
		f.Equal("type", q.Type)
		return listStatus + ordered(f, q, "event_id"), f.Args
	}
	f.And("ref is null")
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	bySubject(f, q)
	f.Attributes(q, contains)
	wanted := ""
	if len(q.Statuses) > 0 {
		wanted = " and " + f.OneOf("status", q.Statuses)
	}
	return listLog + wanted + " offset 0) s" + ordered(f, q, "id"), f.Args
}

// byStatus asks for one status, with conditions as the index has them.
func byStatus(f *sqlstore.Filter, q store.Query) {
	f.And("known")
	f.And(undelivered)
	f.And(f.OneOf("status", q.Statuses))
}

func bySubject(f *sqlstore.Filter, q store.Query) {
	if f.Equal("subject", q.Subject); q.Subject != "" {
		f.And("subject <> ''") // As the index has it.
	}
}

// edgeQuery is [sqlstore.Base.EdgeQuery]. It reads no table: by time and by user an index has the changes
// of events too, which are rows to be passed as well.
func edgeQuery(q store.Query, n int) (string, []any) {
	f := &sqlstore.Filter{}
	from := "select event_time from events"
	switch {
	case sqlstore.ByStatus(q):
		from = "select event_time from event_status"
		byStatus(f, q)
	case q.Subject != "":
		bySubject(f, q)
	case q.Type != "":
		f.Equal("type", q.Type)
		f.And("ref is null")
	case q.Bot != "":
		f.Equal("bot", q.Bot)
		f.And("ref is null")
	}
	return from + f.Edge("event_time", q, n), f.Args
}

// readPage is [sqlstore.Base.Page]. What a list by a status can't ask of the statuses it asks of their events.
func readPage(ctx context.Context, db sqlstore.Query, q store.Query) (*store.Page, error) {
	rest := q
	if sqlstore.ByStatus(q) && sqlstore.HasAttributes(q) {
		rest.Limit = store.MaxLimit
	}
	var records []*store.Record
	for {
		query, args := listQuery(rest)
		statuses, err := sqlstore.All(ctx, db, scanStatus, query, args...)
		if err != nil {
			return nil, err
		}
		batch := sqlstore.Paginate(rest, statuses)
		events, err := readListed(ctx, db, rest, batch.Records)
		if err != nil {
			return nil, err
		}
		if records = append(records, events...); batch.Next == nil || len(records) > q.Size() {
			return sqlstore.Paginate(q, records), nil
		}
		if len(records) == q.Size() {
			return &store.Page{Records: records, Next: batch.Next}, nil
		}
		rest.After = *batch.Next
	}
}

// scanStatus reads a row of listQuery.
func scanStatus(row sqlstore.Row) (*store.Record, error) {
	r := &store.Record{Event: &event.Event{}}
	var status int
	err := row.Scan(sqlstore.UTC(&r.Event.Time), &r.Event.ID, &status, &r.AttemptCount, &r.Replays, sqlstore.UTC(&r.UpdatedAt))
	r.Status = store.StatusOf(status)
	return r, err
}

// readListed reads the events of statuses from the partitions between the first and the last. Events that have been
// erased meanwhile are left out.
func readListed(ctx context.Context, db sqlstore.Query, q store.Query, found []*store.Record) ([]*store.Record, error) {
	n := len(found)
	if n == 0 {
		return nil, nil
	}
	times, updates, ids := make([]time.Time, n), make([]time.Time, n), make([]string, n)
	statuses, attempts, replays := make([]int16, n), make([]int32, n), make([]int32, n)
	for i, r := range found {
		times[i], updates[i], ids[i], statuses[i] = r.Event.Time, r.UpdatedAt, r.Event.ID, int16(store.Code(r.Status))
		attempts[i], replays[i] = int32(r.AttemptCount), int32(r.Replays)
	}
	first, last := times[0], times[n-1]
	if !q.Oldest {
		first, last = last, first
	}
	f := &sqlstore.Filter{Args: []any{times, ids, statuses, attempts, replays, updates, first, last}}
	if sqlstore.ByStatus(q) {
		f.Attributes(q, contains)
	}
	records, err := sqlstore.All(ctx, db, sqlstore.ScanRecord, selectListed+f.Where(), f.Args...)
	slices.SortFunc(records, func(a, b *store.Record) int { return q.Compare(a.Position(), b.Position()) })
	return records, err
}
