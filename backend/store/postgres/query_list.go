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
	listLog  = `select ` + sqlstore.LogColumns + `, s.status, s.attempts, s.updated_at from events e cross join lateral (`
	statusOf = `select status, attempts, updated_at from event_status where event_id = e.id`

	// listStatus begins a list by a status that few events have.
	listStatus = `select event_time, event_id, status, attempts, updated_at from event_status`

	// selectListed reads the events of such a list.
	selectListed = `select ` + sqlstore.LogColumns + ` from unnest($1::timestamptz[], $2::text[]) k (event_time, id)
cross join lateral (
	select * from events e where e.event_time = k.event_time and e.id = k.id and e.event_time between $3 and $4 offset 0
) e`
)

// undelivered is a condition as the index has it.
var undelivered = sqlstore.Codes("status <> {delivered}")

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (page *store.Page, err error) {
	// A user has fewer events than a status.
	if q.Status == "" || q.Status == event.StatusDelivered || q.Subject != "" || !q.Possible() {
		return s.base.List(ctx, q)
	}
	err = s.read(ctx, func(ctx context.Context, db sqlstore.Query) (err error) {
		page, err = readStatusPage(ctx, db, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", classify(err))
	}
	return page, nil
}

// behind asks for what follows a position in a list that is sorted newest first.
func behind(f *sqlstore.Filter, after store.Position, id string) {
	if after != (store.Position{}) {
		at := f.Arg(after.Time)
		f.And("event_time <= " + at) // Only this tells the planner which partitions to read.
		f.And("(event_time, " + id + ") < (" + at + ", " + f.Arg(after.ID) + ")")
	}
}

func listLogQuery(q store.Query) (string, []any) {
	f := &sqlstore.Filter{}
	f.And("ref is null")
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	if f.Equal("subject", q.Subject); q.Subject != "" {
		f.And("subject <> ''") // As the index has it.
	}
	behind(f, q.After, "id")
	status := statusOf
	if q.Status != "" {
		status += " and status = " + f.Arg(store.Code(q.Status))
	}
	return listLog + status + " offset 0) s" + f.Where() +
		" order by event_time desc, id desc limit " + f.Arg(q.Size()+1), f.Args
}

func listStatusQuery(q store.Query) (string, []any) {
	f := &sqlstore.Filter{}
	f.And("known")
	f.And(undelivered)
	f.And("status = " + f.Arg(store.Code(q.Status)))
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	behind(f, q.After, "event_id")
	return listStatus + f.Where() + " order by event_time desc, event_id desc limit " + f.Arg(q.Size()+1), f.Args
}

// readStatusPage reads the statuses first, and then the events from the partitions between the
// first and the last. Events that have been erased meanwhile are left out.
func readStatusPage(ctx context.Context, db sqlstore.Query, q store.Query) (*store.Page, error) {
	query, args := listStatusQuery(q)
	records, err := sqlstore.All(ctx, db, func(row sqlstore.Row) (*store.Record, error) {
		r := &store.Record{Event: &event.Event{}}
		var status int
		err := row.Scan(sqlstore.UTC(&r.Event.Time), &r.Event.ID, &status, &r.AttemptCount, sqlstore.UTC(&r.UpdatedAt))
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
	entries, err := sqlstore.All(ctx, db, sqlstore.ScanEntry, selectListed, times, ids, times[len(times)-1], times[0])
	if err != nil {
		return nil, err
	}
	read := make(map[string]store.Entry, len(entries))
	for _, e := range entries {
		read[e.ID] = e
	}
	page.Records = slices.DeleteFunc(page.Records, func(r *store.Record) bool {
		e, found := read[r.Event.ID]
		r.Event, r.RecordedAt = e.Event, e.RecordedAt
		return !found
	})
	return page, nil
}
