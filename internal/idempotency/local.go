package idempotency

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	shards = 64
	// sampled is how many keys of a full shard compete for being forgotten.
	sampled = 8
)

// local remembers in this process, a bounded number of keys.
type local struct {
	seed     maphash.Seed
	perShard int
	started  time.Time
	shards   [shards]shard
}

type shard struct {
	mu      sync.Mutex
	entries map[Key]entry
}

// entry is what is known of a key. Its times count from the start of the process' clock,
// since the time of day can jump.
type entry struct {
	print Fingerprint
	token uint64
	// until is when a claim that is not settled ends; expires is when all is forgotten.
	until, expires time.Duration
	done           bool
	// answer is encoded: one text takes less memory than its parts.
	answer string
}

func newLocal(maxKeys int) *local {
	l := &local{seed: maphash.MakeSeed(), perShard: max(1, maxKeys/shards), started: time.Now()}
	for i := range l.shards {
		l.shards[i].entries = make(map[Key]entry)
	}
	return l
}

func (l *local) now() time.Duration { return time.Since(l.started) }

// lock locks the shard of a key. The seed is this process' own: nobody outside can choose
// keys that meet in one shard.
func (l *local) lock(key Key) *shard {
	s := &l.shards[maphash.Comparable(l.seed, key)%shards]
	s.mu.Lock()
	return s
}

// done fills in a claim of a key whose work is done, and reports whether it is.
func (l *local) done(c *Claim) bool {
	s := l.lock(c.key)
	defer s.mu.Unlock()
	e, ok := s.entries[c.key]
	return ok && e.done && e.expires > l.now() && c.found(e)
}

// found decides by a record of work that is done.
func (c *Claim) found(e entry) bool {
	if e.print != c.print {
		c.State = Mismatch
		return true
	}
	answer, err := decode(e.answer)
	c.State, c.Answer = Repeat, answer
	return err == nil
}

// begin fills in the claim's state, and takes the key where nobody has it.
func (l *local) begin(c *Claim) {
	s := l.lock(c.key)
	defer s.mu.Unlock()
	now := l.now()
	e, ok := s.entries[c.key]
	if ok = ok && e.expires > now; ok && e.done && c.found(e) {
		return
	}
	switch {
	case ok && e.print != c.print:
		c.State = Mismatch
	case ok && !e.done && e.until > now:
		c.State = InFlight
	default:
		c.State = First
		s.put(c.key, entry{print: c.print, token: c.token, until: now + c.terms.Lease, expires: now + c.terms.Window}, l.perShard)
	}
}

// finish records the answer, unless the key is another claim's by now.
func (l *local) finish(c *Claim, answer string) {
	s := l.lock(c.key)
	defer s.mu.Unlock()
	now := l.now()
	if e, ok := s.entries[c.key]; ok && e.token != c.token && e.expires > now {
		return
	}
	s.put(c.key, entry{print: c.print, token: c.token, expires: now + c.terms.Window, done: true, answer: answer}, l.perShard)
}

// abandon gives the key free for the same request, unless it is another claim's by now.
func (l *local) abandon(c *Claim) {
	s := l.lock(c.key)
	defer s.mu.Unlock()
	if e, ok := s.entries[c.key]; ok && e.token == c.token && !e.done {
		e.until = 0
		s.entries[c.key] = e
	}
}

func (l *local) seen(key Key) bool {
	s := l.lock(key)
	defer s.mu.Unlock()
	e, ok := s.entries[key]
	return ok && e.done && e.expires > l.now()
}

func (l *local) mark(key Key, window time.Duration) {
	s := l.lock(key)
	defer s.mu.Unlock()
	s.put(key, entry{expires: l.now() + window, done: true}, l.perShard)
}

// put sets a key's entry, locked by the caller. A full shard forgets another key: of
// some, the one that would be forgotten soonest anyway.
func (s *shard) put(key Key, e entry, bound int) {
	if _, exists := s.entries[key]; !exists && len(s.entries) >= bound {
		s.forgetOne()
	}
	s.entries[key] = e
}

func (s *shard) forgetOne() {
	var soonest Key
	var least time.Duration
	seen := 0
	for key, e := range s.entries {
		if seen == 0 || e.expires < least {
			soonest, least = key, e.expires
		}
		if seen++; seen == sampled {
			break
		}
	}
	delete(s.entries, soonest)
}

// sweep forgets what is over.
func (l *local) sweep() {
	now := l.now()
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for key, e := range s.entries {
			if e.expires <= now {
				delete(s.entries, key)
			}
		}
		s.mu.Unlock()
	}
}

func (l *local) len() (n int) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += len(s.entries)
		s.mu.Unlock()
	}
	return n
}
