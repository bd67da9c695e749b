package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
	"github.com/botgate/botgate/internal/event"
)

const (
	insertEvent = `
insert into events (id, bot, type, subject, order_key, verified_by, trace_parent, content_type, time, recorded_at, ref, data)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''), $12)
on conflict (id) do nothing`

	upsertStatus = `
insert into event_status as s (event_id, bot, type, subject, time, status, attempts, updated_at, replays)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)` + statement.MergeStatus
)

// Append implements [store.Store].
func (s *Store) Append(ctx context.Context, events []*event.Event) ([]store.Entry, error) {
	entries, err := store.Entries(events)
	if err != nil {
		return nil, fmt.Errorf("appending events: %w", err)
	}
	if len(entries) == 0 {
		return nil, nil
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	recorded, err := s.append(ctx, entries)
	if err != nil {
		return nil, fmt.Errorf("appending events: %w", classify(err))
	}
	return recorded, nil
}

func (s *Store) append(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	recorded, err := s.insertLog(ctx, tx, entries)
	if err != nil {
		return nil, err
	}
	if err := s.updateStatus(ctx, tx, store.Project(recorded)); err != nil {
		return nil, err
	}
	return recorded, tx.Commit()
}

// insertLog returns the entries that were not in the log before.
func (s *Store) insertLog(ctx context.Context, tx *sql.Tx, entries []store.Entry) ([]store.Entry, error) {
	insert := tx.StmtContext(ctx, s.logRow)
	defer func() { _ = insert.Close() }()
	now := time.Now().UnixMicro()
	recorded := make([]store.Entry, 0, len(entries))
	for _, e := range entries {
		data := e.Data
		if data == nil {
			data = []byte{} // nil would be null
		}
		result, err := insert.ExecContext(ctx, e.ID, e.Bot, e.Type, e.Subject, e.OrderKey, e.VerifiedBy,
			e.TraceParent, e.ContentType, e.Time.UnixMicro(), now, e.Ref, data)
		if err != nil {
			return nil, err
		}
		if n, err := result.RowsAffected(); err != nil {
			return nil, err
		} else if n == 1 {
			recorded = append(recorded, e)
		}
	}
	return recorded, nil
}

func (s *Store) updateStatus(ctx context.Context, tx *sql.Tx, projections []store.Projection) error {
	upsert := tx.StmtContext(ctx, s.project)
	defer func() { _ = upsert.Close() }()
	for _, p := range projections {
		var bot, kind, subject, at any
		if p.Event != nil {
			bot, kind, subject, at = p.Event.Bot, p.Event.Type, p.Event.Subject, p.Event.Time.UnixMicro()
		}
		_, err := upsert.ExecContext(ctx, p.EventID, bot, kind, subject, at,
			store.Code(p.State.Status), p.State.Attempts, p.State.UpdatedAt.UnixMicro(), p.State.Replays)
		if err != nil {
			return err
		}
	}
	return nil
}
