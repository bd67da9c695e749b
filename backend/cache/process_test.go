package cache

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/internal/testsvc"
)

// history is a database of numbers that count up, with replicas that lag behind.
type history struct {
	lag time.Duration
	// unreadable fails all reads.
	unreadable atomic.Bool
	mu         sync.Mutex
	// commits has when each number of a key was written; the first ones were always there.
	commits [modelKeys][]time.Time
}

func (h *history) commit(key int) (version int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commits[key] = append(h.commits[key], time.Now())
	return len(h.commits[key])
}

func (h *history) versions() (all [modelKeys]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key := range all {
		all[key] = len(h.commits[key])
	}
	return all
}

// read takes a moment before and after it looks.
func (h *history) read(ctx context.Context, key int) (int, error) {
	linger()
	h.mu.Lock()
	version := len(h.commits[key])
	if h.lag > 0 && ctx.Value(freshKey{}) == nil {
		seen := time.Now().Add(-rand.N(h.lag))
		for version > 0 && h.commits[key][version-1].After(seen) {
			version--
		}
	}
	h.mu.Unlock()
	linger()
	switch {
	case h.unreadable.Load():
		return 0, errDatabase
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case version == 0:
		return 0, errNotFound
	}
	return version, nil
}

// linger is what a database takes.
func linger() { <-time.After(rand.N(2 * time.Millisecond)) }

// outdatedFor is how long ago it was that a version was overwritten.
func (h *history) outdatedFor(key, version int, at time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if version >= len(h.commits[key]) {
		return 0
	}
	return at.Sub(h.commits[key][version])
}

// process is one with a cache of its own. It knows what it was told.
type process struct {
	cache *Cache[int]
	bus   *notify.Redis
	proxy *testsvc.Proxy
	db    *history
	inner notify.Subscriber

	mu   sync.Mutex
	told [modelKeys]int
	lost atomic.Int64
}

func (p *process) Notices(notices []notify.Notice) {
	p.inner.Notices(notices)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range notices {
		key, version := number(n.EventID), number(n.Cursor)
		p.told[key] = max(p.told[key], version)
	}
}

func (p *process) Lost() {
	written := p.db.versions()
	p.inner.Lost()
	p.lost.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, version := range written {
		p.told[key] = max(p.told[key], version)
	}
}

func (p *process) toldOf(key int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told[key]
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}
