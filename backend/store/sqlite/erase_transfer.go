package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
)

const selectErasures = `select subject_hash, before from erasures where subject_hash > $1 order by subject_hash limit $2`

// Erasures implements [store.Maintainer].
func (s *Store) Erasures(ctx context.Context, after []byte, limit int) ([]store.Erasure, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	all, err := sqldb.Query(ctx, s.reader, func(row *sql.Rows) (e store.Erasure, err error) {
		var before int64
		err = row.Scan(&e.Hash, &before)
		e.Before = fromMicros(before)
		return e, err
	}, selectErasures, append([]byte{}, after...), limit)
	if err != nil {
		return nil, fmt.Errorf("reading erasures: %w", classify(err))
	}
	return all, nil
}

// ImportErasures implements [store.Maintainer].
func (s *Store) ImportErasures(ctx context.Context, erasures []store.Erasure) error {
	err := s.step(ctx, func(ctx context.Context, t *transaction) error {
		for _, e := range erasures {
			if _, err := t.exec(ctx, rememberErased, e.Hash, micros(e.Before)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("importing erasures: %w", classify(err))
	}
	return nil
}
