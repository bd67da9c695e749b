package lockout

import (
	"sync"
	"time"
)

// maxCounted bounds the table of those who failed, to some 10 MB.
const maxCounted = 100_000

// counters counts failures in this process, in fixed windows.
type counters struct {
	mu    sync.Mutex
	byKey map[string]counter
}

type counter struct {
	count int
	ends  time.Time
}

func newCounters() *counters { return &counters{byKey: map[string]counter{}} }

// add counts one failure and returns how many there are in the window.
func (c *counters) add(key string, now time.Time, window time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, known := c.byKey[key]
	if !now.Before(one.ends) {
		one = counter{ends: now.Add(window)}
	}
	one.count++
	if !known && len(c.byKey) >= maxCounted {
		c.makeRoom(now)
	}
	c.byKey[key] = one
	return one.count
}

// makeRoom drops what is over, or else anybody: an attacker with that many addresses is
// not one that a lockout stops.
func (c *counters) makeRoom(now time.Time) {
	for key, one := range c.byKey {
		if !now.Before(one.ends) {
			delete(c.byKey, key)
		}
	}
	for key := range c.byKey {
		if len(c.byKey) < maxCounted {
			return
		}
		delete(c.byKey, key)
	}
}
