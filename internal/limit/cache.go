package limit

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"time"
)

const (
	shards = 64
	// sampled is how many keys of a full shard compete for being forgotten.
	sampled = 8
)

// lapsing is a value that means nothing any more from a time on.
type lapsing interface{ lapses() float64 }

// keyed holds values by key, a bounded number of them.
type keyed[V lapsing] struct {
	seed     maphash.Seed
	perShard int
	shards   [shards]shard[V]
}

type shard[V lapsing] struct {
	mu     sync.Mutex
	values map[ID]V
}

func newKeyed[V lapsing](maxKeys int) *keyed[V] {
	k := &keyed[V]{seed: maphash.MakeSeed(), perShard: max(1, maxKeys/shards)}
	for i := range k.shards {
		k.shards[i].values = make(map[ID]V)
	}
	return k
}

// number is the shard of a key. The seed is this process' own: nobody outside can choose
// keys that meet in one shard.
func (k *keyed[V]) number(id ID) int { return int(maphash.Comparable(k.seed, id) % shards) }

func (k *keyed[V]) shard(id ID) *shard[V] { return &k.shards[k.number(id)] }

// lockAll locks the shards of all takes, in their order, so that two calls can't wait
// for each other.
func (k *keyed[V]) lockAll(takes []Take) (unlock func()) {
	var set uint64
	for i := range takes {
		set |= 1 << k.number(takes[i].ID)
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		k.shards[bits.TrailingZeros64(rest)].mu.Lock()
	}
	return func() {
		for rest := set; rest != 0; rest &= rest - 1 {
			k.shards[bits.TrailingZeros64(rest)].mu.Unlock()
		}
	}
}

// get returns the key's value, locked by the caller.
func (s *shard[V]) get(id ID) (V, bool) {
	v, ok := s.values[id]
	return v, ok
}

// put sets the key's value, locked by the caller. A full shard forgets another key.
func (s *shard[V]) put(id ID, v V, bound int) {
	if _, exists := s.values[id]; !exists && len(s.values) >= bound {
		s.forgetOne()
	}
	s.values[id] = v
}

// forgetOne drops, of some keys, the one that lapses soonest: least is lost with it, and
// somebody far over a limit can't be flushed out by inventing keys.
func (s *shard[V]) forgetOne() {
	var soonest ID
	var least float64
	seen := 0
	for id, v := range s.values {
		if at := v.lapses(); seen == 0 || at < least {
			soonest, least = id, at
		}
		if seen++; seen == sampled {
			break
		}
	}
	delete(s.values, soonest)
}

// read returns a key's value.
func (k *keyed[V]) read(id ID) (V, bool) {
	s := k.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(id)
}

// write sets a key's value.
func (k *keyed[V]) write(id ID, v V) {
	s := k.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(id, v, k.perShard)
}

// remove forgets a key and reports whether it was there.
func (k *keyed[V]) remove(id ID) bool {
	s := k.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.values[id]
	delete(s.values, id)
	return ok
}

// sweep forgets what lapsed.
func (k *keyed[V]) sweep(now float64) {
	k.each(func(s *shard[V]) {
		for id, v := range s.values {
			if v.lapses() <= now {
				delete(s.values, id)
			}
		}
	})
}

// clear forgets everything.
func (k *keyed[V]) clear() { k.each(func(s *shard[V]) { clear(s.values) }) }

func (k *keyed[V]) len() (n int) {
	k.each(func(s *shard[V]) { n += len(s.values) })
	return n
}

func (k *keyed[V]) each(f func(*shard[V])) {
	for i := range k.shards {
		s := &k.shards[i]
		s.mu.Lock()
		f(s)
		s.mu.Unlock()
	}
}

// epoch is where the scripts of redis_rate start to count.
var epoch = time.Date(2017, time.January, 1, 0, 0, 0, 0, time.UTC)

// clock is the scripts' time. It goes on from when it was made, since the time of day
// can jump. That it counts from their epoch makes sums round as theirs do: close to
// zero, a sum loses digits that the time alone has, and full bursts would be refused.
type clock struct {
	started time.Time
	offset  float64
}

func newClock() clock { return clock{started: time.Now(), offset: time.Since(epoch).Seconds()} }

// at is the time of day at a time of the clock.
func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second))).Truncate(time.Millisecond)
}

func (c clock) now() float64 { return c.offset + time.Since(c.started).Seconds() }
