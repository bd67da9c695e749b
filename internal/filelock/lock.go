// Package filelock lets processes on one machine change a file in turns.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	// lockTimeout bounds the wait for other processes, which hold the lock for a moment.
	lockTimeout = 5 * time.Second
	lockRetry   = 10 * time.Millisecond
)

// ErrHeld means that another process did not give the lock back in time.
var ErrHeld = errors.New("another process holds it for too long")

// Lock takes the lock of a file, which it makes when it is not there. Closing the file, or the end of the process, gives it
// back.
func Lock(ctx context.Context, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, ErrHeld)
	defer cancel()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(lockRetry)
	defer ticker.Stop()
	for {
		held, err := tryLock(file)
		if held {
			return file, nil
		}
		if err == nil {
			select {
			case <-ticker.C:
				continue
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		}
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
	}
}
