package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
	"github.com/botgate/botgate/internal/event"
)

const (
	// "offset 0" is an optimization fence: whatever the planner estimates, the subquery is run
	// for each row that the outer query needs.

	// listLog begins a list in the order of the log; statusOf looks up the status of its events.
	listLog  = `select ` + sqlstore.LogColumns + `, s.status, s.attempts, s.replays, s.updated_at, %s from events e cross join lateral (`
	statusOf = `select status, attempts, replays, updated_at from event_status where event_id = e.id`

	// listStatus begins a list by one status, that few events have.
	listStatus = `select event_time, event_id, status, attempts, replays, updated_at from event_status`

	// inDays tells the planner which partitions a list of events is in.
	inDays = ` and event_time between $3 and $4`
)

var (
	// selectDeath reads the change by which the event e died, which is the one with the most replays.
	// It is followed by further conditions and lastDeath.
	selectDeath = sqlstore.Codes(`(select data from events d where d.event_time = e.event_time and d.ref = e.id and d.status = {dead}`)
	lastDeath   = ` order by replays desc, time desc limit 1)`

	// selectListed reads the events of a list by a status.
	selectListed = `select ` + sqlstore.LogColumns + `, case when $5 then ` + selectDeath + inDays + lastDeath + ` end
from unnest($1::timestamptz[], $2::text[]) k (event_time, id)
cross join lateral (select * from events e where e.event_time = k.event_time and e.id = k.id` + inDays + ` offset 0) e`

	countQuery = `select count(*) from (select from event_status where known and ` + undelivered + ` and status = $1 limit $2) s`
)

// undelivered is a condition as the index has it.
var undelivered = sqlstore.Codes("status <> {delivered}")

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (page *store.Page, err error) {
	// A user has fewer events than a status.
	if !q.Unfinished() || q.Subject != "" || !q.Possible() {
		return s.base.List(ctx, q)
	}
	err = s.read(ctx, func(ctx context.Context, db sqlstore.Query) (err error) {
		page, err = sqlstore.EachStatus(q, func(one store.Query) (*store.Page, error) { return readStatusPage(ctx, db, one) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", classify(err))
	}
	return page, nil
}

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

func listLogQuery(q store.Query) (string, []any) {
	f := &sqlstore.Filter{}
	f.And("ref is null")
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	if f.Equal("subject", q.Subject); q.Subject != "" {
		f.And("subject <> ''") // As the index has it.
	}
	status, death := statusOf, "null::bytea"
	if len(q.Statuses) > 0 {
		status += " and " + f.OneOf("status", q.Statuses)
	}
	if q.Dead() {
		death = selectDeath + lastDeath
	}
	return fmt.Sprintf(listLog, death) + status + " offset 0) s" + ordered(f, q, "id"), f.Args
}

func listStatusQuery(q store.Query) (string, []any) {
	f := &sqlstore.Filter{}
	f.And("known")
	f.And(undelivered)
	f.And(f.OneOf("status", q.Statuses))
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	return listStatus + ordered(f, q, "event_id"), f.Args
}

// readStatusPage reads the statuses first, and then the events from the partitions between the
// first and the last. Events that have been erased meanwhile are left out.
func readStatusPage(ctx context.Context, db sqlstore.Query, q store.Query) (*store.Page, error) {
	query, args := listStatusQuery(q)
	records, err := sqlstore.All(ctx, db, func(row sqlstore.Row) (*store.Record, error) {
		r := &store.Record{Event: &event.Event{}}
		var status int
		err := row.Scan(sqlstore.UTC(&r.Event.Time), &r.Event.ID, &status, &r.AttemptCount, &r.Replays, sqlstore.UTC(&r.UpdatedAt))
		r.Status = store.StatusOf(status)
		return r, err
	}, query, args...)
	if err != nil || len(records) == 0 {
		return &store.Page{}, err
	}
	page := sqlstore.Paginate(q, records)
	times, ids := make([]time.Time, len(page.Records)), make([]string, len(page.Records))
	for i, r := range page.Records {
		times[i], ids[i] = r.Event.Time, r.Event.ID
	}
	first, last := times[0], times[len(times)-1]
	if !q.Oldest {
		first, last = last, first
	}
	entries, err := sqlstore.All(ctx, db, scanListed, selectListed, times, ids, first, last, q.Dead())
	if err != nil {
		return nil, err
	}
	read := make(map[string]listed, len(entries))
	for _, e := range entries {
		read[e.ID] = e
	}
	page.Records = slices.DeleteFunc(page.Records, func(r *store.Record) bool {
		e, found := read[r.Event.ID]
		r.Event, r.RecordedAt, r.Death = e.Event, e.RecordedAt, e.death
		return !found
	})
	return page, nil
}

// listed is a row of selectListed.
type listed struct {
	store.Entry
	death *event.Change
}

func scanListed(row sqlstore.Row) (l listed, err error) {
	// The body of the change comes in the place of the event's.
	if l.Entry, err = sqlstore.ScanWithBody(row); err != nil {
		return l, err
	}
	l.death, err = sqlstore.Death(l.Data)
	l.Data = nil
	return l, err
}
