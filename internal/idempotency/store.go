package idempotency

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/botgate/botgate/internal/sharedstate"
)

// sweepEvery is how often what is over is forgotten in this process.
const sweepEvery = time.Minute

// Store remembers. It may be used concurrently, and must be closed.
type Store struct {
	sharedstate.Base
	local  *local
	shared *shared
}

// New starts a store. A key costs less than half a kilobyte of this process' memory.
func New(c sharedstate.Config) *Store {
	s := &Store{Base: sharedstate.New(c, "each gateway knows only its own idempotency keys"), local: newLocal(c.MaxKeys)}
	if c.Redis != nil {
		s.shared = &shared{client: c.Redis.Client()}
	}
	s.Every(sweepEvery, func(context.Context) { s.local.entries.Sweep(s.local.now()) })
	return s
}

// Begin claims a key for a request, or says what became of the key. While Redis does not
// answer, that is what this process knows of it.
//
// A key stays with the request that it was first used for, even when its work failed: part
// of it may have been done.
func (s *Store) Begin(ctx context.Context, t Terms, key Key, request Fingerprint) Claim {
	c := Claim{key: key, print: request, token: rand.Uint64(), terms: t}
	if s.shared != nil {
		return s.beginShared(ctx, c)
	}
	s.local.begin(&c)
	return c
}

func (s *Store) beginShared(ctx context.Context, c Claim) Claim {
	// What was done while Redis was unavailable is known only here.
	if s.local.done(&c) {
		return c
	}
	err := s.Breaker.Call(ctx, c.terms.Budget, func(ctx context.Context) error { return s.shared.begin(ctx, &c) })
	if err != nil {
		c.local = true
		s.local.begin(&c)
	}
	return c
}

// Finish records the answer of work that is done. A claim that was lost, since it took
// longer than its lease and another one has the key, changes nothing.
func (s *Store) Finish(ctx context.Context, c Claim, a Answer) {
	answer := a.encode()
	if s.shared == nil || s.settleShared(ctx, c, answer) {
		s.local.finish(&c, answer)
	}
}

// Abandon gives the key free for a repeat of the request. A claim that was lost changes nothing.
func (s *Store) Abandon(ctx context.Context, c Claim) {
	if s.shared == nil || s.settleShared(ctx, c) {
		s.local.abandon(&c)
	}
}

// settleShared tells Redis, even when it did not answer before: it may have got the claim.
// It reports whether this process has to remember the end of the claim.
func (s *Store) settleShared(ctx context.Context, c Claim, answer ...any) bool {
	// That the sender left does not undo what was done.
	err := s.Breaker.Call(context.WithoutCancel(ctx), c.terms.Budget, func(ctx context.Context) error {
		return s.shared.settle(ctx, &c, answer...)
	})
	return err != nil || c.local
}

// First ties each key to an id, for the window, and returns the ids that they are tied to: the given
// ones for keys that nobody had, else those that were given first. There are as many keys as ids.
func (s *Store) First(ctx context.Context, t Terms, keys []Key, ids []string) []string {
	first := make([]string, len(keys))
	if s.shared != nil {
		err := s.Breaker.Call(ctx, t.Budget, func(ctx context.Context) error { return s.shared.first(ctx, t, keys, ids, first) })
		if err == nil {
			return first
		}
	}
	for i, key := range keys {
		first[i] = s.local.first(key, ids[i], t.Window)
	}
	return first
}

// Seen returns when what the keys are marked with happened, in their order; the zero time for those
// that are not marked.
func (s *Store) Seen(ctx context.Context, t Terms, keys []Key) []time.Time {
	marked := make([]time.Time, len(keys))
	all := true
	for i, key := range keys {
		marked[i] = s.local.seen(key)
		all = all && !marked[i].IsZero()
	}
	if s.shared != nil && !all {
		// Without an answer, that is what this process knows.
		_ = s.Breaker.Call(ctx, t.Budget, func(ctx context.Context) error { return s.shared.seen(ctx, keys, marked) })
	}
	return marked
}

// Mark marks the keys for the window with when it happened, in microseconds.
func (s *Store) Mark(ctx context.Context, t Terms, keys []Key, at time.Time) {
	if s.shared != nil {
		err := s.Breaker.Call(context.WithoutCancel(ctx), t.Budget, func(ctx context.Context) error {
			return s.shared.mark(ctx, keys, at, t.Window)
		})
		if err == nil {
			return
		}
	}
	for _, key := range keys {
		s.local.mark(key, at, t.Window)
	}
}

// Count counts the repeats under a key, for the window after the last one: 1 for the first.
func (s *Store) Count(ctx context.Context, t Terms, key Key) (n int) {
	if s.shared != nil {
		err := s.Breaker.Call(ctx, t.Budget, func(ctx context.Context) (err error) {
			n, err = s.shared.count(ctx, key, t.Window)
			return err
		})
		if err == nil {
			return n
		}
	}
	return s.local.count(key, t.Window)
}
