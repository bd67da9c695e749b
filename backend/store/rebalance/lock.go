package rebalance

import (
	"context"
	"errors"
	"fmt"

	"github.com/botgate/botgate/backend/store"
)

// locks are those of all shards.
type locks []store.MoveLock

// lockAll locks them in one order.
func lockAll(ctx context.Context, shards []shard) (all locks, err error) {
	for _, s := range shards {
		lock, err := s.LockMoves(ctx)
		if err != nil {
			return all, fmt.Errorf("shard %s: %w", s.name, err)
		}
		all = append(all, lock)
	}
	return all, nil
}

func (all locks) held(ctx context.Context) error {
	for _, l := range all {
		if err := l.Held(ctx); err != nil {
			return fmt.Errorf("the lock on moves was lost: %w", err)
		}
	}
	return nil
}

func (all locks) unlock() error {
	var errs []error
	for _, l := range all {
		errs = append(errs, l.Unlock())
	}
	return errors.Join(errs...)
}
