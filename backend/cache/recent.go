package cache

import "time"

// maxRecent is how many keys are remembered in each half. With more, all keys count.
const maxRecent = 1 << 16

// recent remembers which keys were invalidated, for one to three windows. It has two halves,
// of which the older one is dropped as a whole, so that forgetting needs no search. It is no
// expiring.Map since that evicts keys where there are too many: here none may be forgotten early.
type recent struct {
	window     time.Duration
	young, old map[string]struct{}
	turned     time.Duration
	allUntil   time.Duration
}

func newRecent(window time.Duration) recent {
	return recent{window: window, young: map[string]struct{}{}}
}

func (r *recent) add(key string, now time.Duration) {
	if r.window <= 0 {
		return
	}
	r.turn(now)
	if len(r.young) >= maxRecent {
		r.addAll(now)
	}
	r.young[key] = struct{}{}
}

// addAll stands for all keys.
func (r *recent) addAll(now time.Duration) {
	r.allUntil = now + r.window
	r.young, r.old = map[string]struct{}{}, nil
}

func (r *recent) has(key string, now time.Duration) bool {
	if now < r.allUntil {
		return true
	}
	r.turn(now)
	_, young := r.young[key]
	_, old := r.old[key]
	return young || old
}

// turn makes the young half the old one once all of it is older than the window.
func (r *recent) turn(now time.Duration) {
	switch since := now - r.turned; {
	case since < r.window || r.window <= 0:
		return
	case since < 2*r.window:
		r.old = r.young
	default:
		r.old = nil
	}
	r.young, r.turned = map[string]struct{}{}, now
}
