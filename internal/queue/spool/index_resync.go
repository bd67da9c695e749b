package spool

import (
	"context"
	"log/slog"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// resync clears an index that a write of unknown outcome, or an event that could not be read
// back, left too large: until nothing waits in the file and this runs, new events of the same
// order keys go through the spool. It also sees what a command dropped of what was set aside.
func (s *Spool) resync() {
	s.mu.Lock()
	aside := s.index.hasAside()
	s.mu.Unlock()
	if aside {
		weights := s.aside()
		s.mu.Lock()
		s.index.setAside(weights)
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index.events == 0 || s.index.writing > 0 || s.handling.Load() > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), idle)
	defer cancel()
	if waiting, err := s.store.Waiting(ctx); err == nil && !waiting {
		s.index.clear()
		s.conclude()
	}
}

// aside asks the file for what each bot's events that are kept there for somebody to look at weigh.
func (s *Spool) aside() map[string]int64 {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), settleTimeout)
	defer cancel()
	weights, seen := map[string]int64{}, map[string]bool{}
	err := s.store.EachDead(ctx, func(_ queue.Group, e *event.Event, size int64) {
		if !seen[e.ID] {
			seen[e.ID] = true
			weights[e.Bot] += weight(e, size)
		}
	})
	if err != nil {
		s.log.Warn("what the spool keeps aside can't be counted", slog.Any("error", err))
	}
	return weights
}
