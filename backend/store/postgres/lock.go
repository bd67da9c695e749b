package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

const (
	// Maintenance may read all of a day, so its statements get longer. It waits for locks less
	// long than Append does, whose statement timeout must not pass meanwhile.
	maintenanceSettings = `set local statement_timeout = '30min'; set local lock_timeout = '5s'`
	// dropSettings wait long enough for the server to cancel an autovacuum of the partition,
	// which takes a second. The whole log queues behind this lock request.
	dropSettings = `set local lock_timeout = '1500ms'`
)

// exclusively runs a transaction under the exclusive lock of a day of the log, given by its
// number, or of allDays. Appends to it wait.
func (s *Store) exclusively(ctx context.Context, day int32, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.primary(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, maintenanceSettings); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, lockExclusively, day); err != nil {
			return err
		}
		return do(tx)
	})
}

// forEach is [sqlstore.Base.Exclusively], for all days.
func (s *Store) forEach(ctx context.Context, first func(context.Context) error, statement string, rows ...[]any) error {
	return s.exclusively(ctx, allDays, func(tx pgx.Tx) error {
		if first != nil {
			if err := first(ctx); err != nil {
				return err
			}
		}
		batch := &pgx.Batch{}
		for _, args := range rows {
			batch.Queue(statement, args...)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}

// execute runs statements one after the other with the same arguments, planned for them.
func execute(ctx context.Context, tx pgx.Tx, args []any, statements ...string) error {
	args = append([]any{planned}, args...)
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql, args...); err != nil {
			return err
		}
	}
	return nil
}
