package limit

import "time"

// arrival is the theoretical arrival time of a key. A key whose arrival time has passed
// has its full allowance, just as one that was never seen.
type arrival float64

func (a arrival) lapses() float64 { return float64(a) }

// local counts in this process.
type local struct {
	clock
	arrivals *keyed[arrival]
}

func newLocal(maxKeys int) *local {
	return &local{clock: newClock(), arrivals: newKeyed[arrival](maxKeys)}
}

// take fills in the results and takes from all keys or from none. The keys must differ.
func (l *local) take(takes []Take, share float64, results []Result) (allowed bool) {
	defer l.arrivals.lockAll(takes)()
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
		r, tat := b.take(l.tat(t.ID, now), now, cost)
		results[i] = r
		next = append(next, arrival(tat))
		allowed = allowed && r.Allowed
	}
	for i := range takes {
		t := &takes[i]
		switch {
		case allowed:
			l.arrivals.shard(t.ID).put(t.ID, next[i], l.arrivals.perShard)
		case results[i].Allowed:
			results[i] = newBucket(t.Limit, share).peek(l.tat(t.ID, now), now)
		}
	}
	return allowed
}

// deferred takes on credit; see [Limiter.Defer].
func (l *local) deferred(takes []Take, share float64, maxDelay time.Duration, results []Result) {
	defer l.arrivals.lockAll(takes)()
	now := l.now()
	for i := range takes {
		t := &takes[i]
		r, tat := newBucket(t.Limit, share).deferred(l.tat(t.ID, now), now, float64(t.cost()), maxDelay.Seconds())
		results[i] = r
		l.arrivals.shard(t.ID).put(t.ID, arrival(tat), l.arrivals.perShard)
	}
}

// tat is the key's arrival time; the caller has the lock.
func (l *local) tat(id ID, now float64) float64 {
	if a, ok := l.arrivals.shard(id).get(id); ok {
		return float64(a)
	}
	return now
}
