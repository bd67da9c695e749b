package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/store"
)

const (
	// selectTime finds the day of an event, which never changes while the event is kept.
	selectTime = `select event_time from event_status where event_id = $1 and known`
	// selectRows reads an event and its changes in one statement, so that they agree. Of the
	// changes, only the first come with their bodies.
	selectRows = `select ` + logColumns + `,
	case when row_number() over (order by e.ref nulls first, e.time, e.id) <= $3 then e.data end
from events e where e.event_time = $1 and (e.id = $2 or e.ref = $2) order by e.ref nulls first, e.time, e.id`
)

// planned has a statement planned for its arguments. Only then are partitions pruned before they
// are locked, and does the planner know how rare a status is.
const planned = pgx.QueryExecModeCacheDescribe

// Get implements [store.Store]. The status is projected from the log, as the read model is.
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
	rows, _ := db.Query(ctx, selectRows, planned, at, id, store.MaxAttempts+1)
	entries, err := pgx.CollectRows(rows, scanWithBody) // Returns the error of Query as well.
	switch {
	case err != nil:
		return nil, err
	case len(entries) == 0 || entries[0].Ref != "": // The event has just been erased.
		return nil, pgx.ErrNoRows
	}
	state := entries[0].State
	var changes [][]byte
	for _, e := range entries[1:] {
		state = state.Merge(e.State)
		if e.Data != nil {
			changes = append(changes, e.Data)
		}
	}
	attempts, err := store.ParseAttempts(changes)
	return &store.Record{
		Event: entries[0].Event, RecordedAt: entries[0].RecordedAt, Attempts: attempts,
		Status: state.Status, AttemptCount: state.Attempts, UpdatedAt: state.UpdatedAt,
	}, err
}
