package bottoken

import (
	"crypto/ed25519"
	"slices"
	"time"
)

// schedule says how long keys live. It is a pure function of the keys and the time, so
// that all processes that share a folder come to the same result.
type schedule struct {
	// rotate is how long a key signs.
	rotate time.Duration
	// overlap is how long a key is published before it signs, so that everybody knows it
	// by then.
	overlap time.Duration
	// ttl is how long the tokens are valid.
	ttl time.Duration
}

// key signs tokens from a time on, until the next one does.
type key struct {
	id        string
	private   ed25519.PrivateKey
	published time.Time
	signsFrom time.Time
	// ttl is that of the longest-lived tokens that the key signed: configurations change.
	ttl time.Duration
}

// next returns what the keys, in the order in which they sign, are to be now. It makes
// one with generate where one is missing.
func (s schedule) next(keys []key, now time.Time, generate func() key) []key {
	next := s.kept(keys, now)
	if signsFrom, needed := s.successor(next, now); needed {
		made := generate()
		made.published, made.signsFrom = now, signsFrom
		next = append(next, made)
	}
	for i := range next {
		if maySign := i == len(next)-1 || now.Before(next[i+1].signsFrom); maySign {
			next[i].ttl = max(next[i].ttl, s.ttl)
		}
	}
	return next
}

// kept drops the keys whose last tokens have expired, and the overlap is over by which
// the clocks of others may differ.
func (s schedule) kept(keys []key, now time.Time) []key {
	kept := make([]key, 0, len(keys)+1)
	for i, k := range keys {
		if i+1 < len(keys) && !now.Before(keys[i+1].signsFrom.Add(k.ttl+s.overlap)) {
			continue
		}
		kept = append(kept, k)
	}
	return kept
}

// successor reports whether a new key is needed, and from when it is to sign. The very
// first one signs at once.
func (s schedule) successor(keys []key, now time.Time) (signsFrom time.Time, needed bool) {
	if len(keys) == 0 {
		return now, true
	}
	newest := keys[len(keys)-1]
	ends := newest.signsFrom.Add(s.rotate)
	return now.Add(s.overlap), !now.Before(ends.Add(-s.overlap))
}

// signing returns the key that signs at that time: the newest whose time has come. There
// must be a key; where the clock was set back before all of them it is the first.
func signing(keys []key, now time.Time) key {
	for _, k := range slices.Backward(keys) {
		if !now.Before(k.signsFrom) {
			return k
		}
	}
	return keys[0]
}
