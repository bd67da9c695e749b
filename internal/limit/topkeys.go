package limit

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxTopKeys is how many keys are counted at once.
	maxTopKeys = 256
	// maxTopKeyText is how much of a key is kept, in bytes: keys can be the caller's text.
	maxTopKeyText = 128
	// topKeyWindow is how long a key is remembered after its last refusal.
	topKeyWindow = 10 * time.Minute
)

// TopKey is a key that was refused.
type TopKey struct {
	// Zone and Key are what was counted.
	Zone string `json:"zone"`
	Key  string `json:"key"`
	// Refused is how often, at most: a key that took the place of another one in the
	// full list starts with that one's count.
	Refused int64 `json:"refused"`
	// First and Last are when.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// topKeys counts refusals by key in bounded memory: "space saving" (Metwally et al.,
// 2005) finds those that are refused most, however many others come along.
type topKeys struct {
	mu     sync.Mutex
	counts map[ID]*TopKey
}

func (o *topKeys) note(t *Take, seconds float64) {
	now := at(seconds)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts == nil {
		o.counts = make(map[ID]*TopKey, maxTopKeys)
	}
	known, ok := o.counts[t.ID]
	if !ok {
		known = &TopKey{Zone: t.Zone, Key: strings.Clone(t.Key[:min(len(t.Key), maxTopKeyText)]), First: now}
		if len(o.counts) >= maxTopKeys {
			known.Refused = o.dropLeast(now)
		}
		o.counts[t.ID] = known
	}
	known.Refused++
	known.Last = now
}

// dropLeast makes room and returns the count that the newcomer inherits.
func (o *topKeys) dropLeast(now time.Time) int64 {
	var least ID
	var found *TopKey
	for id, c := range o.counts {
		if now.Sub(c.Last) > topKeyWindow {
			delete(o.counts, id)
			return 0
		}
		if found == nil || c.Refused < found.Refused {
			least, found = id, c
		}
	}
	delete(o.counts, least)
	return found.Refused
}

func (o *topKeys) forget(zone, key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.counts, IDOf(zone, key))
}

func (o *topKeys) top(n int, seconds float64) []TopKey {
	now := at(seconds)
	o.mu.Lock()
	list := make([]TopKey, 0, len(o.counts))
	for _, c := range o.counts {
		if now.Sub(c.Last) <= topKeyWindow {
			shown := *c
			shown.First, shown.Last = c.First.Truncate(time.Millisecond), c.Last.Truncate(time.Millisecond)
			list = append(list, shown)
		}
	}
	o.mu.Unlock()
	slices.SortFunc(list, func(a, b TopKey) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Key, b.Key))
	})
	return list[:min(n, len(list))]
}
