package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
	"github.com/botgate/botgate/internal/event"
)

const (
	// "offset 0" is an optimization fence: whatever the planner estimates, the subquery is run
	// for each row that the outer query needs.

	// listLog begins a list in the order of the log; statusOf looks up the status of its events.
	listLog  = `select ` + logColumns + `, s.status, s.attempts, s.updated_at from events e cross join lateral (`
	statusOf = `select status, attempts, updated_at from event_status where event_id = e.id`

	// listStatus begins a list by a status that few events have.
	listStatus = `select event_time, event_id, status, attempts, updated_at from event_status`

	// selectListed reads the events of such a list.
	selectListed = `select ` + logColumns + ` from unnest($1::timestamptz[], $2::text[]) k (event_time, id) cross join lateral (
	select * from events e where e.event_time = k.event_time and e.id = k.id and e.event_time between $3 and $4 offset 0
) e`
)

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (*store.Page, error) {
	if !q.Possible() {
		return &store.Page{}, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	list := readLogPage
	// A user has fewer events than a status.
	if q.Status != "" && q.Status != event.StatusDelivered && q.Subject == "" {
		list = readStatusPage
	}
	var page *store.Page
	err := s.db.Read(ctx, func(ctx context.Context, db *pgxpool.Pool) (err error) {
		page, err = list(ctx, db, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", classify(err))
	}
	return page, nil
}

func readLogPage(ctx context.Context, db *pgxpool.Pool, q store.Query) (*store.Page, error) {
	query, args := listLogQuery(q)
	rows, err := db.Query(ctx, query, append([]any{planned}, args...)...)
	if err != nil {
		return nil, err
	}
	records, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*store.Record, error) {
		r := &store.Record{}
		var status int
		e, err := scanEntry(row, &status, &r.AttemptCount, &r.UpdatedAt)
		r.Event, r.RecordedAt, r.Status, r.UpdatedAt = e.Event, e.RecordedAt, store.StatusOf(status), r.UpdatedAt.UTC()
		return r, err
	})
	if err != nil {
		return nil, err
	}
	return statement.Paginate(q, records), nil
}

// behind asks for what follows a position in a list that is sorted newest first.
func behind(f *statement.Filter, after store.Position, id string) {
	if after != (store.Position{}) {
		at := f.Arg(after.Time)
		f.And("event_time <= " + at) // Only this tells the planner which partitions to read.
		f.And("(event_time, " + id + ") < (" + at + ", " + f.Arg(after.ID) + ")")
	}
}

func listLogQuery(q store.Query) (string, []any) {
	f := &statement.Filter{}
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
		" order by event_time desc, id desc limit " + f.Arg(statement.PageSize(q)+1), f.Args
}

func listStatusQuery(q store.Query) (string, []any) {
	f := &statement.Filter{}
	f.And("known")
	f.And("status <> 40") // As the index has it.
	f.And("status = " + f.Arg(store.Code(q.Status)))
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	behind(f, q.After, "event_id")
	return listStatus + f.Where() + " order by event_time desc, event_id desc limit " + f.Arg(statement.PageSize(q)+1), f.Args
}

// readStatusPage reads the statuses first, and then the events from the partitions between the
// first and the last.
func readStatusPage(ctx context.Context, db *pgxpool.Pool, q store.Query) (*store.Page, error) {
	query, args := listStatusQuery(q)
	rows, err := db.Query(ctx, query, append([]any{planned}, args...)...)
	if err != nil {
		return nil, err
	}
	var times []time.Time
	var ids []string
	records, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*store.Record, error) {
		r := &store.Record{Event: &event.Event{}}
		var status int
		err := row.Scan(&r.Event.Time, &r.Event.ID, &status, &r.AttemptCount, &r.UpdatedAt)
		r.Event.Time, r.Status, r.UpdatedAt = r.Event.Time.UTC(), store.StatusOf(status), r.UpdatedAt.UTC()
		times, ids = append(times, r.Event.Time), append(ids, r.Event.ID)
		return r, err
	})
	if err != nil || len(records) == 0 {
		return &store.Page{}, err
	}
	page := statement.Paginate(q, records)
	n := len(page.Records)
	rows, err = db.Query(ctx, selectListed, planned, times[:n], ids[:n], times[n-1], times[0])
	if err != nil {
		return nil, err
	}
	return page, readListed(rows, page)
}

// readListed reads the events of a page. Those that have been erased meanwhile are left out.
func readListed(rows pgx.Rows, page *store.Page) error {
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Entry, error) { return scanEntry(row) })
	if err != nil {
		return err
	}
	read := make(map[string]store.Entry, len(entries))
	for _, e := range entries {
		read[e.ID] = e
	}
	there := page.Records[:0]
	for _, r := range page.Records {
		if e, found := read[r.Event.ID]; found {
			r.Event, r.RecordedAt = e.Event, e.RecordedAt
			there = append(there, r)
		}
	}
	page.Records = there
	return nil
}
