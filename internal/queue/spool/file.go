package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/filelock"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

const (
	// prefetchBytes bounds the bodies that the drainer holds.
	prefetchBytes = 16 << 20
	// lockWait is how long one attempt waits for another process that has the file, as the one
	// before does at a restart.
	lockWait = time.Second
)

// openFile locks the file, reads what is in it and makes it usable. Where another process has it,
// the error is [filelock.ErrHeld].
func (s *Spool) openFile(ctx context.Context) (err error) {
	if err := s.lockFile(ctx); err != nil {
		return err
	}
	s.store, err = sqlite.OpenSpool(ctx, sqlite.Config{Path: s.cfg.Path, PrefetchBytes: prefetchBytes, Logger: s.log})
	if err != nil {
		return err
	}
	s.warnOfDisk()
	// Perhaps the broker takes them by now.
	if err := s.store.Restore(ctx); err != nil {
		return fmt.Errorf("taking back what the spool keeps aside: %w", err)
	}
	waiting, err := s.load(ctx)
	if err != nil {
		return err
	}
	drainers := map[queue.Group]*drainer{}
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		consumer, err := s.store.Consume(ctx, group, prefetch, window)
		if err != nil {
			return err
		}
		drainers[group] = &drainer{spool: s, group: group, consumer: consumer}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.drainers, s.usable = waiting, drainers, true
	s.resume()
	return nil
}

// lockFile keeps other processes out, as they would not know what this one keeps in memory.
func (s *Spool) lockFile(ctx context.Context) (err error) {
	if err := os.MkdirAll(filepath.Dir(s.cfg.Path), 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockWait, filelock.ErrHeld)
	defer cancel()
	s.lock, err = filelock.Lock(ctx, s.cfg.Path+".lock")
	return err
}

// load reads what an earlier process left.
func (s *Spool) load(ctx context.Context) (index, error) {
	found := newIndex()
	err := s.store.Each(ctx, func(group queue.Group, e *event.Event, size int64) {
		if group != queue.Dead {
			found.found(group, e, size)
		}
	})
	if err != nil {
		return found, fmt.Errorf("reading what is in the spool: %w", err)
	}
	found.setAside(s.aside()) //nolint:contextcheck // It has a bound of its own.
	return found, nil
}

func (s *Spool) closeFile() error {
	var errs []error
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
