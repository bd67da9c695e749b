// Package expiring has a map of bounded size whose values mean nothing any more from a time on.
package expiring

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"time"
)

const (
	// shards is how many locks there are. [Locked] has a bit for each.
	shards = 64
	// sampled is how many keys of a full shard compete for being forgotten.
	sampled = 8
)

// Map holds values by key, a bounded number of them. It may be used concurrently.
//
// Times are durations since whatever the caller's clock started from. The map has no clock:
// it forgets what ended when it is swept, and until then the caller has to look.
type Map[K comparable, V any] struct {
	ends     func(V) time.Duration
	seed     maphash.Seed
	perShard int
	shards   [shards]shard[K, V]
}

type shard[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]V
}

// New makes a map of at most maxKeys keys, rounded to a multiple of 64. Where there are more,
// it forgets those whose values end soonest, among some: so nobody flushes out a value that
// lasts by inventing keys. Ends says until when a value means something.
func New[K comparable, V any](maxKeys int, ends func(V) time.Duration) *Map[K, V] {
	m := &Map[K, V]{ends: ends, seed: maphash.MakeSeed(), perShard: max(1, maxKeys/shards)}
	m.Clear()
	return m
}

// number is the shard of a key. The seed is this map's own: nobody outside can choose keys
// that meet in one shard.
func (m *Map[K, V]) number(key K) int { return int(maphash.Comparable(m.seed, key) % shards) }

// Get returns the key's value, and whether there is one.
func (m *Map[K, V]) Get(key K) (V, bool) {
	s := &m.shards[m.number(key)]
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	return v, ok
}

// Set sets the key's value.
func (m *Map[K, V]) Set(key K, v V) {
	s := &m.shards[m.number(key)]
	s.mu.Lock()
	defer s.mu.Unlock()
	m.put(s, key, v)
}

// Update replaces the key's value by what f returns for it, or forgets the key where f returns
// false. Nobody else changes the value meanwhile; f must not use the map.
func (m *Map[K, V]) Update(key K, f func(v V, ok bool) (V, bool)) {
	s := &m.shards[m.number(key)]
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	if v, keep := f(v, ok); keep {
		m.put(s, key, v)
	} else if ok {
		delete(s.values, key)
	}
}

// Delete forgets the key.
func (m *Map[K, V]) Delete(key K) {
	s := &m.shards[m.number(key)]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
}

// Each calls f with every key and its value, also with those that ended; f must not use the map.
func (m *Map[K, V]) Each(f func(K, V)) {
	m.each(func(s *shard[K, V]) {
		for key, v := range s.values {
			f(key, v)
		}
	})
}

// Sweep forgets what has ended by now.
func (m *Map[K, V]) Sweep(now time.Duration) {
	m.each(func(s *shard[K, V]) {
		for key, v := range s.values {
			if m.ends(v) <= now {
				delete(s.values, key)
			}
		}
	})
}

// Clear forgets everything.
func (m *Map[K, V]) Clear() { m.each(func(s *shard[K, V]) { s.values = make(map[K]V) }) }

// Len is how many keys there are, with those that ended and were not swept.
func (m *Map[K, V]) Len() (n int) {
	m.each(func(s *shard[K, V]) { n += len(s.values) })
	return n
}

func (m *Map[K, V]) each(f func(*shard[K, V])) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		f(s)
		s.mu.Unlock()
	}
}

// put sets the value of a key in its shard, which the caller locked.
func (m *Map[K, V]) put(s *shard[K, V], key K, v V) {
	if _, exists := s.values[key]; !exists && len(s.values) >= m.perShard {
		m.forgetOne(s)
	}
	s.values[key] = v
}

// forgetOne evicts, of a sample of the keys, the one that ends soonest: least is lost with it.
func (m *Map[K, V]) forgetOne(s *shard[K, V]) {
	var soonest K
	var least time.Duration
	seen := 0
	for key, v := range s.values {
		if ends := m.ends(v); seen == 0 || ends < least {
			soonest, least = key, ends
		}
		if seen++; seen == sampled {
			break
		}
	}
	delete(s.values, soonest)
}

// Locked is a map of which some keys are locked, to be read and written together.
type Locked[K comparable, V any] struct {
	m   *Map[K, V]
	set uint64
}

// Lock locks the keys until Unlock. Two calls never wait for each other, since both lock
// in the order of the shards.
func (m *Map[K, V]) Lock(keys ...K) Locked[K, V] {
	l := Locked[K, V]{m: m}
	for _, key := range keys {
		l.set |= 1 << m.number(key)
	}
	for rest := l.set; rest != 0; rest &= rest - 1 {
		m.shards[bits.TrailingZeros64(rest)].mu.Lock()
	}
	return l
}

// Unlock lets others at the keys.
func (l Locked[K, V]) Unlock() {
	for rest := l.set; rest != 0; rest &= rest - 1 {
		l.m.shards[bits.TrailingZeros64(rest)].mu.Unlock()
	}
}

// Get is [Map.Get] of a key that is locked.
func (l Locked[K, V]) Get(key K) (V, bool) {
	v, ok := l.m.shards[l.m.number(key)].values[key]
	return v, ok
}

// Set is [Map.Set] of a key that is locked.
func (l Locked[K, V]) Set(key K, v V) { l.m.put(&l.m.shards[l.m.number(key)], key, v) }
