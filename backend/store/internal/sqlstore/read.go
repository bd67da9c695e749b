package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// Get implements [store.Store]. The status is projected from the log, as the read model is.
func (b *Base) Get(ctx context.Context, id string) (*store.Record, error) {
	if !store.ValidID(id) {
		return nil, store.ErrNotFound
	}
	var entries []store.Entry
	err := b.Read(ctx, func(ctx context.Context, db Query) error {
		entries = nil
		times, err := All(ctx, db, ScanTime, b.SelectTime, id)
		if err == nil && len(times) > 0 {
			entries, err = All(ctx, db, ScanWithBody, b.SelectRows, times[0], id, store.MaxAttempts+event.MaxRepeats+1)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading an event: %w", b.Classify(err))
	case len(entries) == 0 || entries[0].Ref != "": // The latter has just been erased.
		return nil, store.ErrNotFound
	}
	state := entries[0].State
	var changes [][]byte
	for _, e := range entries[1:] {
		state = state.Merge(e.State)
		if e.Data != nil {
			changes = append(changes, e.Data)
		}
	}
	attempts, repeats, err := store.ParseChanges(changes)
	if err != nil {
		return nil, fmt.Errorf("reading an event: %w", b.Classify(err))
	}
	return &store.Record{
		Event: entries[0].Event, RecordedAt: entries[0].RecordedAt, Attempts: attempts, Repeats: repeats,
		Last: store.Last(attempts), Size: len(entries[0].Data),
		Status: state.Status, AttemptCount: state.Attempts, Replays: state.Replays, UpdatedAt: state.UpdatedAt,
	}, nil
}

// ScanTime reads one time.
func ScanTime(row Row) (at time.Time, err error) {
	err = row.Scan(UTC(&at))
	return at, err
}

// Count implements [store.Store].
func (b *Base) Count(ctx context.Context, status event.Status, limit int) (int64, error) {
	counts, err := read(ctx, b, func(row Row) (n int64, err error) { return n, row.Scan(&n) }, b.CountQuery, store.Code(status), limit)
	if err != nil {
		return 0, fmt.Errorf("counting events: %w", b.Classify(err))
	}
	return counts[0], nil
}

// Log implements [store.Store].
func (b *Base) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	after := store.Position{Time: q.After.RecordedAt, ID: q.After.ID}
	if !(store.Query{Bot: q.Bot, Subject: q.Subject, Type: q.Type, After: after}).Possible() {
		return nil, nil
	}
	query, args := b.LogQuery(q)
	entries, err := read(ctx, b, ScanWithBody, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", b.Classify(err))
	}
	return entries, nil
}
