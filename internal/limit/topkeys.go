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
	// topKeyWindow is how long a key is remembered after its last refusal, in seconds.
	topKeyWindow = 600.0
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
	counts map[ID]*topKey
}

// topKey is a [TopKey] as it is counted, with times of a [clock].
type topKey struct {
	zone, key   string
	refused     int64
	first, last float64
}

func (o *topKeys) note(t *Take, now float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts == nil {
		o.counts = make(map[ID]*topKey, maxTopKeys)
	}
	known, ok := o.counts[t.ID]
	if !ok {
		known = &topKey{zone: t.Zone, key: strings.Clone(t.Key[:min(len(t.Key), maxTopKeyText)]), first: now}
		if len(o.counts) >= maxTopKeys {
			known.refused = o.dropLeast(now)
		}
		o.counts[t.ID] = known
	}
	known.refused++
	known.last = now
}

// dropLeast makes room and returns the count that the newcomer inherits.
func (o *topKeys) dropLeast(now float64) int64 {
	var least ID
	var found *topKey
	for id, c := range o.counts {
		if now-c.last > topKeyWindow {
			delete(o.counts, id)
			return 0
		}
		if found == nil || c.refused < found.refused {
			least, found = id, c
		}
	}
	delete(o.counts, least)
	return found.refused
}

func (o *topKeys) forget(zone, key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.counts, IDOf(zone, key))
}

func (o *topKeys) top(n int, now float64) []TopKey {
	o.mu.Lock()
	list := make([]TopKey, 0, len(o.counts))
	for _, c := range o.counts {
		if now-c.last <= topKeyWindow {
			list = append(list, TopKey{Zone: c.zone, Key: c.key, Refused: c.refused, First: at(c.first), Last: at(c.last)})
		}
	}
	o.mu.Unlock()
	slices.SortFunc(list, func(a, b TopKey) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Key, b.Key))
	})
	return list[:min(n, len(list))]
}
