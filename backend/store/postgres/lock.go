package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

const (
	// Statements that keep a day may read all of it. Those of Append wait for locks no
	// longer than their own timeout, so these give up before.
	maintenanceSettings = `set local statement_timeout = '30min'; set local lock_timeout = '5s'`
	// dropSettings leave time to have a vacuum of the partition canceled, which the
	// server does after a second. All of the log waits behind this lock.
	dropSettings = `set local lock_timeout = '1500ms'`
)

// exclusively runs a transaction while nobody adds to a day of the log, given by its number, or
// to any of them.
func (s *Store) exclusively(ctx context.Context, day int32, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.primary(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, maintenanceSettings); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, lockAlone, day); err != nil {
			return err
		}
		return do(tx)
	})
}

// execute runs statements with the same arguments after one another, planned for them.
func execute(ctx context.Context, tx pgx.Tx, args []any, statements ...string) error {
	args = append([]any{planned}, args...)
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			return err
		}
	}
	return nil
}
