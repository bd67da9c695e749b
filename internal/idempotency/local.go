package idempotency

import (
	"crypto/sha256"
	"time"

	"github.com/botgate/botgate/internal/expiring"
)

// local remembers in this process, a bounded number of keys.
type local struct {
	started time.Time
	entries *expiring.Map[Key, entry]
}

// entry is what is known of a key. Its times count from the start of the process' clock,
// since the time of day can jump.
type entry struct {
	print Fingerprint
	// token is a claim's; of a counter, the number.
	token uint64
	// at is that of a mark, in microseconds.
	at int64
	// until is when a claim that is not settled ends; expires is when all is forgotten.
	until, expires time.Duration
	done           bool
	// answer is encoded: one text takes less memory than its parts. Of a key that is tied to an
	// id, it is that.
	answer string
}

func newLocal(maxKeys int) *local {
	ends := func(e entry) time.Duration { return e.expires }
	return &local{started: time.Now(), entries: expiring.New[Key](maxKeys, ends)}
}

func (l *local) now() time.Duration { return time.Since(l.started) }

// done decides a claim by what is remembered of its key, if the work is done; see found.
func (l *local) done(c *Claim) bool {
	e, ok := l.entries.Get(c.key)
	return ok && e.done && e.expires > l.now() && c.found(e)
}

// found decides a claim by the entry of work that is done, and reports whether it could.
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
	now := l.now()
	l.entries.Update(c.key, func(e entry, ok bool) (entry, bool) {
		known := ok && e.expires > now
		switch {
		case known && e.done && c.found(e):
		case known && e.print != c.print:
			c.State = Mismatch
		case known && !e.done && e.until > now:
			c.State = InFlight
		default:
			c.State = First
			return entry{print: c.print, token: c.token, until: now + c.terms.Lease, expires: now + c.terms.Window}, true
		}
		return e, true
	})
}

// finish records the answer, unless the key is another claim's by now.
func (l *local) finish(c *Claim, answer string) {
	now := l.now()
	l.entries.Update(c.key, func(e entry, ok bool) (entry, bool) {
		if ok && e.token != c.token && e.expires > now {
			return e, true
		}
		return entry{print: c.print, token: c.token, expires: now + c.terms.Window, done: true, answer: answer}, true
	})
}

// abandon gives the key free for the same request, unless it is another claim's by now.
func (l *local) abandon(c *Claim) {
	l.entries.Update(c.key, func(e entry, ok bool) (entry, bool) {
		if e.token == c.token && !e.done {
			e.until = 0
		}
		return e, ok
	})
}

// noToken is that of what nobody claimed.
const noToken = 0

// forget drops what is done under the key, and known elsewhere by now, unless it is another claim's.
func (l *local) forget(key Key, token uint64) {
	l.entries.Update(key, func(e entry, ok bool) (entry, bool) { return e, ok && (e.token != token || !e.done) })
}

func (l *local) first(key Key, id string, window time.Duration) (first string) {
	now := l.now()
	l.entries.Update(key, func(e entry, ok bool) (entry, bool) {
		if !ok || e.expires <= now {
			e = entry{answer: id, expires: now + window}
		}
		first = e.answer
		return e, true
	})
	return first
}

func (l *local) seen(key Key) (at time.Time) {
	if e, ok := l.entries.Get(key); ok && e.done && e.expires > l.now() {
		at = time.UnixMicro(e.at).UTC()
	}
	return at
}

func (l *local) mark(key Key, at time.Time, window time.Duration) {
	l.entries.Set(key, entry{expires: l.now() + window, done: true, at: at.UnixMicro()})
}

// count keeps the number under a key of its own.
func (l *local) count(key Key, window time.Duration) (n int) {
	now := l.now()
	l.entries.Update(sha256.Sum256(key[:]), func(e entry, ok bool) (entry, bool) {
		if !ok || e.expires <= now {
			e = entry{}
		}
		e.token++
		n, e.expires = int(e.token), now+window
		return e, true
	})
	return n
}
