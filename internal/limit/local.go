package limit

import (
	"time"

	"github.com/botgate/botgate/internal/expiring"
)

// arrival is the theoretical arrival time of a key. A key whose arrival time has passed
// has its full allowance, just as one that was never seen.
type arrival float64

func (a arrival) ends() time.Duration { return seconds(float64(a)) }

// arrivals are the arrival times of keys.
type arrivals = *expiring.Map[ID, arrival]

func newArrivals(maxKeys int) arrivals { return expiring.New[ID](maxKeys, arrival.ends) }

// local counts in this process.
type local struct {
	clock
	arrivals arrivals
}

func newLocal(c clock, maxKeys int) *local {
	return &local{clock: c, arrivals: newArrivals(maxKeys)}
}

// take fills in the results and takes from all keys or from none. The keys must differ.
func (l *local) take(takes []Take, share float64, results []Result) (allowed bool) {
	keys := l.lock(takes)
	defer keys.Unlock()
	now := l.now()
	var space [8]arrival
	next := space[:0]
	allowed = true
	for i := range takes {
		t := &takes[i]
		cost := float64(t.cost())
		b := newBucket(t.Limit, share)
		// Of a share, a request may take at most all.
		if all := b.offset / b.interval; cost > all {
			cost = all
		}
		r, tat := b.take(tatOf(keys, t.ID, now), now, cost)
		results[i] = r
		next = append(next, arrival(tat))
		allowed = allowed && r.Allowed
	}
	for i := range takes {
		t := &takes[i]
		switch {
		case allowed:
			keys.Set(t.ID, next[i])
		case results[i].Allowed:
			results[i] = newBucket(t.Limit, share).peek(tatOf(keys, t.ID, now), now)
		}
	}
	return allowed
}

// deferred takes on credit; see [Limiter.Defer].
func (l *local) deferred(takes []Take, share float64, maxDelay time.Duration, results []Result) {
	keys := l.lock(takes)
	defer keys.Unlock()
	now := l.now()
	for i := range takes {
		t := &takes[i]
		r, tat := newBucket(t.Limit, share).deferred(tatOf(keys, t.ID, now), now, float64(t.cost()), maxDelay.Seconds())
		results[i] = r
		keys.Set(t.ID, arrival(tat))
	}
}

// spent is how long it takes until a key has its full allowance again.
func (l *local) spent(id ID) time.Duration {
	keys := l.arrivals.Lock(id)
	defer keys.Unlock()
	now := l.now()
	return seconds(max(0, tatOf(keys, id, now)-now))
}

func (l *local) lock(takes []Take) expiring.Locked[ID, arrival] {
	var space [8]ID
	ids := space[:0]
	for i := range takes {
		ids = append(ids, takes[i].ID)
	}
	return l.arrivals.Lock(ids...)
}

// tatOf is the key's arrival time.
func tatOf(keys expiring.Locked[ID, arrival], id ID, now float64) float64 {
	if a, ok := keys.Get(id); ok {
		return float64(a)
	}
	return now
}
