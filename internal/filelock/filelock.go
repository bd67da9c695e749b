// Package filelock lets the processes of one machine exclude each other by a lock on a file. The
// operating system releases it when its process ends, however it ends.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

const (
	// lockTimeout bounds the wait for other processes, which hold the lock for a moment.
	lockTimeout = 5 * time.Second
	lockRetry   = 10 * time.Millisecond
)

// ErrHeld means that another process did not release the lock in time.
var ErrHeld = errors.New("another process holds it for too long")

// Held is the lock on a file, until Close or Remove, or until the process ends.
type Held struct{ file *flock.Flock }

// Lock locks a file, which it creates (mode 0600) where it is missing. It waits until the
// context ends, at most 5s; then the error is the context's cause, or [ErrHeld].
func Lock(ctx context.Context, path string) (*Held, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, ErrHeld)
	defer cancel()
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	if _, err := file.TryLockContext(ctx, lockRetry); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return &Held{file}, nil
}

// Create creates a lock file and locks it. The error is [fs.ErrExist] where there is one, or
// where [RemoveUnheld] removed it before it was locked.
func Create(path string) (*Held, error) {
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_EXCL|os.O_RDWR))
	locked, err := file.TryLock()
	if err != nil {
		return nil, err
	}
	if !locked || !named(file) {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, fs.ErrExist), file.Close())
	}
	return &Held{file}, nil
}

// named reports whether a locked file was not removed.
func named(file *flock.Flock) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	found, err := os.Stat(file.Path())
	return err == nil && os.SameFile(opened, found)
}

// RemoveUnheld removes a lock file unless somebody holds it, and reports whether it is gone.
func RemoveUnheld(path string) (gone bool, err error) {
	if runtime.GOOS == "windows" {
		err := os.Remove(path) // Windows removes no file that is open.
		return err == nil || errors.Is(err, fs.ErrNotExist), nil
	}
	file := flock.New(path, flock.SetFlag(os.O_RDWR))
	locked, err := file.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil || !locked {
		return false, err
	}
	if !named(file) {
		// Its holder removed it before it was locked here; the name may be another file's by now.
		if err := file.Close(); err != nil {
			return false, err
		}
		return RemoveUnheld(path)
	}
	return true, (&Held{file}).Remove()
}

// Close releases the lock. The file stays.
func (h *Held) Close() error { return h.file.Close() }

// Remove removes the file and releases the lock. Where the system can, it removes first: who
// locks the file afterwards sees that it is gone.
func (h *Held) Remove() error {
	if runtime.GOOS == "windows" {
		return errors.Join(h.Close(), remove(h.file.Path()))
	}
	return errors.Join(remove(h.file.Path()), h.Close())
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
