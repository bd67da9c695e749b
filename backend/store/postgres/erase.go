package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	selectErased   = `select subject_hash, before from erasures where subject_hash = any ($1)`
	selectUserDays = `select distinct ` + day + ` from events where subject = $1 and subject <> '' and event_time < $2 order by 1`
)

// Erase implements [store.Maintainer]. The erasure is noted under the exclusive lock, so that
// every later Append sees it.
func (s *Store) Erase(ctx context.Context, subject string, before time.Time) (events int64, err error) {
	if !(store.Query{Subject: subject}).Possible() || subject == "" {
		return events, errors.New("erasing a user: no such user can be")
	}
	before = store.Micros(before)
	if err := s.forEach(ctx, nil, sqlstore.InsertErasure, []any{store.HashSubject(subject), before}); err != nil {
		return events, fmt.Errorf("erasing a user: %w", classify(err))
	}
	rows, _ := s.primary().Query(ctx, selectUserDays, planned, subject, before)
	days, err := pgx.CollectRows(rows, pgx.RowTo[time.Time]) // Returns the error of Query as well.
	if err != nil {
		return events, fmt.Errorf("erasing a user: %w", classify(err))
	}
	for _, day := range days {
		some, err := s.removeAll(ctx, day, ofUser(subject, before))
		events += some
		if err != nil {
			return events, fmt.Errorf("erasing a user: %w", classify(err))
		}
	}
	return events, nil
}

// ofUser matches the entries of a user's events before a time.
func ofUser(subject string, before time.Time) removal {
	return removal{where: "subject = $2 and subject <> '' and event_time < '" + before.UTC().Format(time.RFC3339Nano) + "'", arg: subject}
}

// withoutErased leaves out events of erased users that arrive late.
func (s *Store) withoutErased(ctx context.Context, rows []store.Entry) ([]store.Entry, error) {
	hashes := make([][]byte, len(rows))
	for i, e := range rows {
		hashes[i] = store.HashSubject(e.Subject)
	}
	erased := map[string]time.Time{}
	// ForEachRow returns the error of Query as well.
	found, _ := s.primary().Query(ctx, selectErased, hashes)
	var hash []byte
	var before time.Time
	_, err := pgx.ForEachRow(found, []any{&hash, &before}, func() error {
		erased[string(hash)] = before
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept := make([]store.Entry, 0, len(rows))
	for i, e := range rows {
		if before, ok := erased[string(hashes[i])]; e.Subject == "" || !ok || !e.EventTime.Before(before) {
			kept = append(kept, e)
		}
	}
	return kept, nil
}
