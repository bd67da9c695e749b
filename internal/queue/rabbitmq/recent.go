package rabbitmq

import (
	"sync"
	"time"
)

// recent remembers ids for at most a window of time, and at most so many. It forgets in
// two halves, which costs nothing per id: what was added is remembered for at least half
// the window unless size/2 others came since.
type recent struct {
	size   int
	window time.Duration

	mu      sync.Mutex
	turned  time.Time
	newer   map[string]struct{}
	older   map[string]struct{}
	nowFunc func() time.Time
}

func newRecent(size int, window time.Duration) *recent {
	return &recent{size: size, window: window, turned: time.Now(), newer: map[string]struct{}{}, nowFunc: time.Now}
}

func (r *recent) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	r.newer[id] = struct{}{}
}

func (r *recent) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	if _, ok := r.newer[id]; ok {
		return true
	}
	_, ok := r.older[id]
	return ok
}

// turn forgets the older half when the newer one is full or half a window old.
func (r *recent) turn() {
	now := r.nowFunc()
	age := now.Sub(r.turned)
	if age < r.window/2 && len(r.newer) < max(1, r.size/2) {
		return
	}
	r.older, r.newer, r.turned = r.newer, map[string]struct{}{}, now
	if age >= r.window {
		r.older = nil
	}
}
