package file

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/filelock"
)

const (
	// sweepChunk is how many names of a folder are in memory at once.
	sweepChunk = 256
	// partAge is how old a file must be that is being written to count as left behind.
	partAge = 24 * time.Hour
	// lockFile lets one sweep run at a time.
	lockFile = "sweep.lock"
)

// Sweep removes the blobs whose last Put was before the time, and what was left behind by
// processes that were killed. It returns how many blobs it removed. Puts and Gets may be under
// way: a blob that is put again meanwhile stays. It does nothing while another sweep runs.
func (s *Store) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	lock, err := filelock.Lock(ctx, filepath.Join(s.folder, lockFile))
	if errors.Is(err, filelock.ErrHeld) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("sweeping the blob folder: %w", err)
	}
	defer func() { _ = lock.Close() }()
	return s.sweep(ctx, before)
}

func (s *Store) sweep(ctx context.Context, before time.Time) (removed int, err error) {
	if err := s.clean(ctx, partFolder, func(path string) error { return removeOlder(path, time.Now().Add(-partAge)) }); err != nil {
		return 0, err
	}
	discard := func(path string) error {
		gone, err := s.discard(path, before)
		if gone {
			removed++
		}
		return err
	}
	// What is in the trash already is from a sweep that was killed.
	if err := s.clean(ctx, trashFolder, discard); err != nil {
		return removed, err
	}
	for shard := range 256 {
		name := hex.EncodeToString([]byte{byte(shard)})
		err := s.clean(ctx, name, func(path string) error {
			info, err := os.Lstat(path)
			if err != nil || !info.ModTime().Before(before) {
				return ignoreMissing(err)
			}
			trash := filepath.Join(s.folder, trashFolder, filepath.Base(path))
			if err := os.Rename(path, trash); err != nil {
				return ignoreMissing(err)
			}
			return discard(trash)
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// discard ends what a rename into the trash began. A Put may have come between the look at
// the blob's age and the rename; then it goes back.
func (s *Store) discard(path string, before time.Time) (gone bool, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return false, ignoreMissing(err)
	}
	if info.ModTime().Before(before) {
		err := os.Remove(path)
		return err == nil, ignoreMissing(err)
	}
	name := filepath.Base(path)
	back := filepath.Join(s.folder, name[:2], name)
	if err := os.Rename(path, back); err != nil {
		return false, ignoreMissing(err)
	}
	return false, syncFolder(filepath.Dir(back))
}

// clean calls f for each file of ours in a folder, a bounded number of names at a time.
func (s *Store) clean(ctx context.Context, name string, f func(path string) error) error {
	folder, err := os.Open(filepath.Join(s.folder, name))
	if err != nil {
		return ignoreMissing(err)
	}
	defer func() { _ = folder.Close() }()
	for {
		entries, err := folder.ReadDir(sweepChunk)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("sweeping the blob folder: %w", err)
		}
		for _, e := range entries {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !isOurs(e) {
				continue
			}
			if err := f(filepath.Join(folder.Name(), e.Name())); err != nil {
				return fmt.Errorf("sweeping the blob folder: %w", err)
			}
		}
	}
}

// isOurs leaves alone what somebody else put into the folder.
func isOurs(e fs.DirEntry) bool {
	digest := len(blob.Ref{}.Hex())
	if !e.Type().IsRegular() || len(e.Name()) < digest {
		return false
	}
	_, err := hex.DecodeString(e.Name()[:digest])
	return err == nil && (len(e.Name()) == digest || e.Name()[digest] == '-')
}

func removeOlder(path string, before time.Time) error {
	info, err := os.Lstat(path)
	if err != nil || !info.ModTime().Before(before) {
		return ignoreMissing(err)
	}
	return ignoreMissing(os.Remove(path))
}

// ignoreMissing ignores that a file is gone: another process has removed or moved it first.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
