package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
	"github.com/botgate/botgate/internal/event"
)

// selectEvent reads the event and its changes in one statement, so that they agree. A
// row of the read model without a time stands for an event that is not recorded yet;
// its id may be taken by anything.
const selectEvent = `select ` + statement.EventColumns + `, ` + statement.StatusColumns + `, e.data,
	array(select c.data from events c where c.ref = e.id order by c.time, c.id limit $2)
from event_status s join events e on e.id = s.event_id
where s.event_id = $1 and s.time is not null`

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, id string) (*store.Record, error) {
	if !store.ValidID(id) {
		return nil, store.ErrNotFound
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var data []byte
	var changes [][]byte
	r, err := scan(s.pool.QueryRow(ctx, selectEvent, id, store.MaxAttempts), &data, &changes)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, store.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("reading an event: %w", classify(err))
	}
	r.Event.Data = data
	if r.Attempts, err = store.ParseAttempts(changes); err != nil {
		return nil, fmt.Errorf("reading an event: %w", err)
	}
	return r, nil
}

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (*store.Page, error) {
	if !q.Possible() {
		return &store.Page{}, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	query, args := statement.List(q, q.After.Time)
	// Planned anew for its values each time: a rare status needs another index than a
	// common one.
	args = append([]any{pgx.QueryExecModeCacheDescribe}, args...)
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", classify(err))
	}
	records, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*store.Record, error) { return scan(row) })
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", classify(err))
	}
	return statement.Paginate(q, records), nil
}

// scan reads the columns of an event and its status, and then more.
func scan(row pgx.Row, more ...any) (*store.Record, error) {
	r := &store.Record{Event: &event.Event{}}
	e := r.Event
	var status int
	dest := append([]any{
		&e.ID, &e.Bot, &e.Type, &e.Subject, &e.OrderKey, &e.VerifiedBy, &e.TraceParent, &e.ContentType,
		&e.Time, &r.RecordedAt, &status, &r.AttemptCount, &r.UpdatedAt,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return nil, err
	}
	e.Time, r.RecordedAt, r.UpdatedAt = e.Time.UTC(), r.RecordedAt.UTC(), r.UpdatedAt.UTC()
	r.Status = store.StatusOf(status)
	return r, nil
}
