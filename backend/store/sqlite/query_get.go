package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
)

const (
	statusColumns = `s.status, s.attempts, s.updated_at`

	selectEvent = `select ` + logColumns + `, ` + statusColumns + `, e.data
from event_status s cross join events e on e.event_time = s.event_time and e.id = s.event_id
where s.event_id = $1 and s.bot is not null`

	selectChanges = `select e.data
from event_status s cross join events e on e.event_time = s.event_time and e.ref = s.event_id
where s.event_id = $1 order by e.time, e.id limit $2`
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, id string) (*store.Record, error) {
	if !store.ValidID(id) {
		return nil, store.ErrNotFound
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	r, err := s.get(ctx, id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, store.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("reading an event: %w", classify(err))
	}
	return r, nil
}

// get reads the event and its changes in one transaction, so that they agree.
func (s *Store) get(ctx context.Context, id string) (*store.Record, error) {
	tx, err := s.reader.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	var data []byte
	r, err := scanRecord(tx.QueryRowContext(ctx, selectEvent, id), &data)
	if err != nil {
		return nil, err
	}
	r.Event.Data = data
	scanBody := func(row *sql.Rows) (body []byte, err error) { return body, row.Scan(&body) }
	bodies, err := sqldb.Query(ctx, tx, scanBody, selectChanges, id, store.MaxAttempts)
	if err != nil {
		return nil, err
	}
	r.Attempts, err = store.ParseAttempts(bodies)
	return r, err
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (*store.Page, error) {
	if !q.Possible() {
		return &store.Page{}, nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	query, args := listQuery(q)
	records, err := sqldb.Query(ctx, s.reader, func(row *sql.Rows) (*store.Record, error) { return scanRecord(row) }, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", classify(err))
	}
	return statement.Paginate(q, records), nil
}
