package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	selectErased   = `select subject_hash, before from erasures where subject_hash = any ($1)`
	selectUserDays = `select distinct ` + day + ` from events where subject = $1 and subject <> '' and (event_time < $2 or recorded_at < $2) order by 1`
)

// Erase implements [store.Maintainer]. The erasure is noted under the exclusive lock, so that
// every later Append sees it.
func (s *Store) Erase(ctx context.Context, subject string, before time.Time, erased func(events int64) error) (events int64, err error) {
	if !(store.Query{Subject: subject}).Possible() || subject == "" {
		return 0, errors.New("erasing a user: no such user can be")
	}
	before = store.Micros(before)
	var days []time.Time
	if err = s.forEach(ctx, nil, sqlstore.InsertErasure, []any{store.HashSubject(subject), before}); err == nil {
		rows, _ := s.primary().Query(ctx, selectUserDays, planned, subject, before)
		days, err = pgx.CollectRows(rows, pgx.RowTo[time.Time]) // Returns the error of Query as well.
	}
	if err == nil {
		events, err = s.removeAll(ctx, days, ofUser(subject, before), erased)
	}
	if err != nil {
		return events, fmt.Errorf("erasing a user: %w", classify(err))
	}
	return events, nil
}

// ofUser matches the entries of a user's events before a time. One that is scheduled is due after that, and was
// recorded before.
func ofUser(subject string, before time.Time) removal {
	at := "'" + before.UTC().Format(time.RFC3339Nano) + "'"
	return removal{where: "subject = $2 and subject <> '' and (event_time < " + at + " or recorded_at < " + at + ")", arg: subject}
}

// withoutErased leaves out events of erased users that arrive late.
func (s *Store) withoutErased(ctx context.Context, rows []store.Entry) ([]store.Entry, error) {
	hashes := make([][]byte, len(rows))
	for i, e := range rows {
		hashes[i] = store.HashSubject(e.Subject)
	}
	erasures, err := sqlstore.All(ctx, query(s.primary()), sqlstore.ScanErasure, selectErased, hashes)
	if err != nil {
		return nil, err
	}
	before := make(map[string]time.Time, len(erasures))
	for _, e := range erasures {
		before[string(e.Hash)] = e.Before
	}
	return slices.DeleteFunc(slices.Clone(rows), func(e store.Entry) bool {
		return e.Subject != "" && e.AcceptedAt().Before(before[string(store.HashSubject(e.Subject))])
	}), nil
}
