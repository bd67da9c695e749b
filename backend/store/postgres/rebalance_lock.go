package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
)

const (
	lockMoves = `select pg_try_advisory_xact_lock(` + lockClass + `, $1)`
	// holdSettings let the transaction idle as long as a move takes. Between statements it has no
	// snapshot, so it does not hold back vacuum.
	holdSettings = `set local idle_in_transaction_session_timeout = 0`
	// unlockTimeout bounds releasing the lock.
	unlockTimeout = 5 * time.Second
)

// LockMoves implements [store.Maintainer]. The lock is one of a transaction, which works through
// PgBouncer, and ends with its connection.
func (s *Store) LockMoves(ctx context.Context) (store.MoveLock, error) {
	tx, err := s.primary().Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("locking moves: %w", classify(err))
	}
	taken := false
	if _, err = tx.Exec(ctx, holdSettings); err == nil {
		err = tx.QueryRow(ctx, lockMoves, moveLockKey).Scan(&taken)
	}
	switch {
	case err != nil:
		_ = rollback(ctx, tx)
		return nil, fmt.Errorf("locking moves: %w", classify(err))
	case !taken:
		_ = rollback(ctx, tx)
		return nil, store.ErrMoveInProgress
	}
	return moveLock{tx}, nil
}

type moveLock struct{ tx pgx.Tx }

// Held implements [store.MoveLock].
func (l moveLock) Held(ctx context.Context) error {
	if _, err := l.tx.Exec(ctx, "select 1"); err != nil {
		return fmt.Errorf("the lock on moves: %w", classify(err))
	}
	return nil
}

// Unlock implements [store.MoveLock].
func (l moveLock) Unlock() error {
	if err := rollback(context.Background(), l.tx); err != nil {
		return fmt.Errorf("unlocking moves: %w", classify(err))
	}
	return nil
}

// rollback releases the lock also when the context has ended.
func rollback(ctx context.Context, tx pgx.Tx) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
	defer cancel()
	return tx.Rollback(ctx)
}
