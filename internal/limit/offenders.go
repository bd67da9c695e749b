package limit

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxOffenders is how many keys are counted at once.
	maxOffenders = 256
	// maxOffenderKey is how much of a key is kept, in bytes: keys can be the caller's text.
	maxOffenderKey = 128
	// offenderWindow is how long a key is remembered after its last refusal, in seconds.
	offenderWindow = 600.0
)

// Offender is a key that was refused.
type Offender struct {
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

// offenders counts refusals by key in bounded memory: "space saving" (Metwally et al.,
// 2005) finds those that are refused most, however many others come along.
type offenders struct {
	mu     sync.Mutex
	counts map[ID]*offence
}

// offence is an [Offender] as it is counted, with times of a [clock].
type offence struct {
	zone, key   string
	refused     int64
	first, last float64
}

func (o *offenders) note(t *Take, now float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts == nil {
		o.counts = make(map[ID]*offence, maxOffenders)
	}
	known, ok := o.counts[t.ID]
	if !ok {
		known = &offence{zone: t.Zone, key: strings.Clone(t.Key[:min(len(t.Key), maxOffenderKey)]), first: now}
		if len(o.counts) >= maxOffenders {
			known.refused = o.dropLeast(now)
		}
		o.counts[t.ID] = known
	}
	known.refused++
	known.last = now
}

// dropLeast makes room and returns the count that the newcomer inherits.
func (o *offenders) dropLeast(now float64) int64 {
	var least ID
	var found *offence
	for id, c := range o.counts {
		if now-c.last > offenderWindow {
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

func (o *offenders) forget(zone, key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.counts, IDOf(zone, key))
}

func (o *offenders) top(n int, now float64) []Offender {
	o.mu.Lock()
	list := make([]Offender, 0, len(o.counts))
	for _, c := range o.counts {
		if now-c.last <= offenderWindow {
			list = append(list, Offender{Zone: c.zone, Key: c.key, Refused: c.refused, First: at(c.first), Last: at(c.last)})
		}
	}
	o.mu.Unlock()
	slices.SortFunc(list, func(a, b Offender) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Key, b.Key))
	})
	return list[:min(n, len(list))]
}
