package spool

import (
	"context"
	"log/slog"
	"time"
)

// oldest asks the file for the age of what waits for longest.
func (s *Spool) oldest() time.Time {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), settleTimeout)
	defer cancel()
	at, err := s.store.Oldest(ctx)
	if err != nil {
		s.log.Warn("the age of the spool is not known", slog.Any("error", err))
		return time.Now()
	}
	return at
}

// age notes what oldest found. Where something arrived meanwhile, it is as old as that. The
// caller has the lock.
func (s *Spool) age(oldest time.Time) {
	if oldest.IsZero() && s.index.events > 0 {
		oldest = time.Now()
	}
	s.index.oldest = oldest
}

// resync clears an index that a write of unknown outcome, or an event that could not be read
// back, left too large: until nothing waits in the file and this runs, new events of the same
// order keys go through the spool.
func (s *Spool) resync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index.events == 0 || s.index.writing > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), idle)
	defer cancel()
	if at, err := s.store.Oldest(ctx); err == nil && at.IsZero() {
		s.index.clear()
		s.conclude()
	}
}
