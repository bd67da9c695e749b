package rabbitmq

import (
	"sync"
	"time"
)

// seenIDs remembers ids for at most a window of time, and at most so many. It forgets in
// two halves, which costs nothing per id: what was added is remembered for at least half
// the window unless size/2 others came since.
type seenIDs struct {
	size   int
	window time.Duration

	mu      sync.Mutex
	rotated time.Time
	newer   map[string]struct{}
	older   map[string]struct{}
	nowFunc func() time.Time
}

func newSeenIDs(size int, window time.Duration) *seenIDs {
	return &seenIDs{size: size, window: window, rotated: time.Now(), newer: map[string]struct{}{}, nowFunc: time.Now}
}

func (s *seenIDs) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate()
	s.newer[id] = struct{}{}
}

func (s *seenIDs) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate()
	if _, ok := s.newer[id]; ok {
		return true
	}
	_, ok := s.older[id]
	return ok
}

// rotate forgets the older half when the newer one is full or half a window old.
func (s *seenIDs) rotate() {
	now := s.nowFunc()
	age := now.Sub(s.rotated)
	if age < s.window/2 && len(s.newer) < max(1, s.size/2) {
		return
	}
	s.older, s.newer, s.rotated = s.newer, map[string]struct{}{}, now
	if age >= s.window {
		s.older = nil
	}
}
