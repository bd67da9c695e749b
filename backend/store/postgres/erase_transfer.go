package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
)

const (
	selectErasurePage = `select subject_hash, before from erasures where subject_hash > $1 order by subject_hash limit $2`
	insertErasures    = `insert into erasures as e (subject_hash, before) select * from unnest($1::bytea[], $2::timestamptz[])
on conflict (subject_hash) do update set before = greatest(e.before, excluded.before)`
)

// Erasures implements [store.Maintainer].
func (s *Store) Erasures(ctx context.Context, after []byte, limit int) ([]store.Erasure, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	// CollectRows returns the error of Query as well.
	rows, _ := s.primary().Query(ctx, selectErasurePage, append([]byte{}, after...), limit)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e store.Erasure, err error) {
		err = row.Scan(&e.Hash, &e.Before)
		e.Before = e.Before.UTC()
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading erasures: %w", classify(err))
	}
	return all, nil
}

// ImportErasures implements [store.Maintainer]. Like Erase it holds the exclusive lock of the
// log.
func (s *Store) ImportErasures(ctx context.Context, erasures []store.Erasure) error {
	hashes, times := make([][]byte, len(erasures)), make([]time.Time, len(erasures))
	for i, e := range erasures {
		hashes[i], times[i] = e.Hash, store.Micros(e.Before)
	}
	err := s.exclusively(ctx, allDays, func(tx pgx.Tx) error {
		return execute(ctx, tx, []any{hashes, times}, insertErasures)
	})
	if err != nil {
		return fmt.Errorf("importing erasures: %w", classify(err))
	}
	return nil
}
