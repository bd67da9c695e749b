package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

const (
	// eventColumns are the attributes of events as scanEvent reads them.
	eventColumns = `e.event_time, e.id, e.bot, e.type, e.subject, e.order_key, e.verified_by, e.trace_parent, e.content_type, e.not_before, e.recorded_at`

	// selectTime finds the day of an event, which never changes while the event is kept.
	selectTime = `select event_time from event_status where event_id = $1 and known`
	// selectRows reads an event and its changes, and nothing else, so that they agree.
	// The changes behind a number come without what they say.
	selectRows = `select ` + eventColumns + `, e.status, coalesce(e.attempt, 0), coalesce(e.replays, 0), e.time, e.ref is not null,
	case when row_number() over (order by e.ref nulls first, e.time, e.id) <= $3 then e.data end
from events e where e.event_time = $1 and (e.id = $2 or e.ref = $2) order by e.ref nulls first, e.time, e.id`
)

// planned has a statement planned for its values. Only so the planner knows, before it
// takes locks, the partitions that matter, and how rare a status is.
const planned = pgx.QueryExecModeCacheDescribe

// Get implements [store.Store]. The status is put together from the log, as the read
// model is.
func (s *Store) Get(ctx context.Context, id string) (*store.Record, error) {
	if !store.ValidID(id) {
		return nil, store.ErrNotFound
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var r *store.Record
	err := s.db.Read(ctx, func(ctx context.Context, db *pgxpool.Pool) (err error) {
		r, err = get(ctx, db, id)
		return err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, store.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("reading an event: %w", classify(err))
	}
	return r, nil
}

func get(ctx context.Context, db *pgxpool.Pool, id string) (*store.Record, error) {
	var at time.Time
	if err := db.QueryRow(ctx, selectTime, id).Scan(&at); err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, selectRows, planned, at, id, store.MaxAttempts+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	r := &store.Record{}
	var state store.State
	var changes [][]byte
	for rows.Next() {
		row := &store.Record{}
		said, change, data, err := scanEntry(rows, row)
		switch {
		case err != nil:
			return nil, err
		case change && r.Event == nil: // The event has just been erased.
			return nil, pgx.ErrNoRows
		case change:
			state = state.Merge(said)
			if data != nil {
				changes = append(changes, data)
			}
		default:
			r, state = row, said
			r.Event.Data = data
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if r.Event == nil {
		return nil, pgx.ErrNoRows
	}
	r.Status, r.AttemptCount, r.UpdatedAt = state.Status, state.Attempts, state.UpdatedAt
	r.Attempts, err = store.ParseAttempts(changes)
	return r, err
}

// scanEntry reads a row of selectRows.
func scanEntry(row pgx.Rows, r *store.Record) (said store.State, change bool, data []byte, err error) {
	var status int
	err = scanEvent(row, r, &status, &said.Attempts, &said.Replays, &said.UpdatedAt, &change, &data)
	said.Status, said.UpdatedAt = store.StatusOf(status), said.UpdatedAt.UTC()
	return said, change, data, err
}

// scanEvent reads eventColumns, and then more.
func scanEvent(row pgx.Row, r *store.Record, more ...any) error {
	r.Event = &event.Event{}
	e := r.Event
	var notBefore *time.Time
	dest := append([]any{
		&e.Time, &e.ID, &e.Bot, &e.Type, &e.Subject, &e.OrderKey, &e.VerifiedBy, &e.TraceParent, &e.ContentType, &notBefore, &r.RecordedAt,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return err
	}
	e.Time, r.RecordedAt = e.Time.UTC(), r.RecordedAt.UTC()
	if notBefore != nil {
		e.NotBefore = notBefore.UTC()
	}
	return nil
}
