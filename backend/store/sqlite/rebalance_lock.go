package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/filelock"
)

// LockMoves implements [store.Maintainer], by a lock file beside the database.
func (s *Store) LockMoves(ctx context.Context) (store.MoveLock, error) {
	file, err := filelock.Lock(ctx, s.path+".move")
	switch {
	case errors.Is(err, filelock.ErrHeld):
		return nil, store.ErrMoveInProgress
	case err != nil:
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return moveLock{file}, nil
}

type moveLock struct{ file *filelock.Held }

// Held implements [store.MoveLock]: a file lock is not lost while the process lives.
func (moveLock) Held(context.Context) error { return nil }

// Unlock implements [store.MoveLock].
func (l moveLock) Unlock() error { return l.file.Close() }
