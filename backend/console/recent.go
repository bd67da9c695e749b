package console

import (
	"sync"
	"time"
)

const (
	// recentFor is how long an answer is good for other pages, too.
	recentFor = 2 * time.Second
	// maxRecent is how many answers are kept, and maxRecentSize how long each may be.
	maxRecent     = 256
	maxRecentSize = 256 << 10
)

// recent keeps answers of the API for a moment: all open pages read the same numbers again every few seconds.
type recent struct {
	mu   sync.Mutex
	kept map[string]recentAnswer
}

type recentAnswer struct {
	until time.Time
	body  []byte
}

// get returns an answer that is good now; nil for none.
func (r *recent) get(key string, now time.Time) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := r.kept[key]; now.Before(kept.until) {
		return kept.body
	}
	return nil
}

// put keeps an answer. Where there are too many, those from before go.
func (r *recent) put(key string, body []byte, now time.Time) {
	if len(body) > maxRecentSize {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil || len(r.kept) >= maxRecent {
		r.kept = map[string]recentAnswer{}
	}
	r.kept[key] = recentAnswer{now.Add(recentFor), body}
}

// forget drops all: something was changed.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = nil
}
