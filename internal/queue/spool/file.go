package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/filelock"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// prefetchBytes bounds the bodies that the drainer holds.
const prefetchBytes = 16 << 20

// openFile takes the file and reads what is in it.
func (s *Spool) openFile(ctx context.Context) (err error) {
	if err := s.lockFile(ctx); err != nil {
		return err
	}
	s.store, err = sqlite.Open(ctx, sqlite.Config{
		Path: s.cfg.Path, DispatchOnly: true, PrefetchBytes: prefetchBytes, Logger: s.log,
	})
	if err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	s.consumer, err = s.store.Subscribe(ctx, queue.Dispatch, queue.SubscribeOptions{Prefetch: batch})
	return err
}

// lockFile keeps other processes out, as they would not know what this one keeps in memory.
func (s *Spool) lockFile(ctx context.Context) (err error) {
	if err := os.MkdirAll(filepath.Dir(s.cfg.Path), 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.LockWait, filelock.ErrHeld)
	defer cancel()
	s.hold, err = filelock.Lock(ctx, s.cfg.Path+".lock")
	if errors.Is(err, filelock.ErrHeld) {
		return fmt.Errorf("another gateway uses the file %s; each needs one of its own: %w", s.cfg.Path, err)
	}
	return err
}

// load reads what an earlier process left.
func (s *Spool) load(ctx context.Context) error {
	err := s.store.Each(ctx, func(group queue.Group, e *event.Event, size int64) {
		if group == queue.Dispatch {
			s.index.add(e, size)
		} else {
			s.index.keep(e, size)
		}
	})
	if err != nil {
		return err
	}
	s.index.oldest, err = s.store.Oldest(ctx)
	return err
}

func (s *Spool) closeFile() error {
	var errs []error
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.hold != nil {
		errs = append(errs, s.hold.Close())
	}
	return errors.Join(errs...)
}
