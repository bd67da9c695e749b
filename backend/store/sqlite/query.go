package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
	"github.com/botgate/botgate/internal/event"
)

const (
	// A row of the read model without a time stands for an event that is not
	// recorded yet; its id may be taken by anything.
	selectEvent = `select ` + statement.EventColumns + `, ` + statement.StatusColumns + `, e.data
from event_status s join events e on e.id = s.event_id
where s.event_id = $1 and s.time is not null`

	selectChanges = `select data from events where ref = $1 order by time, id limit $2`
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
	r, err := scan(tx.QueryRowContext(ctx, selectEvent, id), &data)
	if err != nil {
		return nil, err
	}
	r.Event.Data = data
	rows, err := tx.QueryContext(ctx, selectChanges, id, store.MaxAttempts)
	if err != nil {
		return nil, err
	}
	bodies, err := collect(rows, func(row scanner) (body []byte, err error) { return body, row.Scan(&body) })
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
	query, args := statement.List(q, q.After.Time.UnixMicro())
	rows, err := s.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", classify(err))
	}
	records, err := collect(rows, func(row scanner) (*store.Record, error) { return scan(row) })
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", classify(err))
	}
	return statement.Paginate(q, records), nil
}

type scanner interface{ Scan(dest ...any) error }

// scan reads the columns of an event and its status, and then more.
func scan(row scanner, more ...any) (*store.Record, error) {
	r := &store.Record{Event: &event.Event{}}
	e := r.Event
	var at, recordedAt, updatedAt int64
	var status int
	dest := append([]any{
		&e.ID, &e.Bot, &e.Type, &e.Subject, &e.OrderKey, &e.VerifiedBy, &e.TraceParent, &e.ContentType,
		&at, &recordedAt, &status, &r.AttemptCount, &updatedAt,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return nil, err
	}
	e.Time = time.UnixMicro(at).UTC()
	r.RecordedAt, r.UpdatedAt = time.UnixMicro(recordedAt).UTC(), time.UnixMicro(updatedAt).UTC()
	r.Status = store.StatusOf(status)
	return r, nil
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, read func(scanner) (T, error)) ([]T, error) {
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		one, err := read(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
