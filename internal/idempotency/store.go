package idempotency

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/breaker"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/sharedstate"
)

const (
	// sweepEvery is how often what is over is forgotten in this process.
	sweepEvery = time.Minute
	// settling is how long the end of a claim is under way at most, as a rule.
	settling = 10 * time.Millisecond
)

// Store remembers. It may be used concurrently, and must be closed.
type Store struct {
	sharedstate.Base
	local  *local
	shared *shared
	// telling are the calls that nobody waits for.
	telling sync.WaitGroup
}

// New starts a store. A key costs less than half a kilobyte of this process' memory.
func New(c sharedstate.Config) *Store {
	s := &Store{Base: sharedstate.New(c, "each gateway knows only its own idempotency keys"), local: newLocal(c.MaxKeys)}
	if c.Redis != nil {
		s.shared = newShared(c.Redis)
	}
	s.Every(sweepEvery, func(context.Context) { s.local.entries.Sweep(s.local.now()) })
	return s
}

// Close waits until Redis was told all that it is to know. It never fails.
func (s *Store) Close() error {
	s.telling.Wait()
	return s.Base.Close()
}

// Begin claims a key for a request, or says what became of the key. While Redis does not
// answer, that is what this process knows of it.
//
// A key stays with the request that it was first used for, even when its work failed: part
// of it may have been done.
func (s *Store) Begin(ctx context.Context, t Terms, key Key, request Fingerprint) Claim {
	c := Claim{key: key, print: request, token: rand.Uint64(), terms: t}
	if s.shared == nil {
		s.local.begin(&c)
		return c
	}
	// What was done while Redis was unavailable, or just now, is known only here.
	if s.local.done(&c) {
		return c
	}
	err := s.ask(ctx, &c)
	return s.decided(ctx, c, err)
}

// decided is the claim that Redis decided about, or this process where that failed.
func (s *Store) decided(ctx context.Context, c Claim, err error) Claim {
	// That it is done may be under way to Redis, or known here by now.
	if err == nil && c.State == InFlight && retry.Sleep(ctx, min(settling, c.terms.Budget/2)) {
		if s.local.done(&c) {
			return c
		}
		err = s.ask(ctx, &c)
	}
	if err != nil {
		c.local = true
		s.local.begin(&c)
	}
	return c
}

// ask lets Redis decide about the claim.
func (s *Store) ask(ctx context.Context, c *Claim) error {
	cmd := s.shared.begin(c) //nolint:contextcheck // Its call ends with it.
	if err := s.do(ctx, c.terms.Budget, cmd); err != nil {
		return err
	}
	return c.read(cmd.Val())
}

// do makes a round trip, unless the breaker is open.
func (s *Store) do(ctx context.Context, budget time.Duration, cmds ...redis.Cmder) error {
	if !s.Breaker.Admits() {
		return breaker.ErrOpen
	}
	err := s.shared.pipe.Do(ctx, budget, cmds...)
	s.Breaker.Report(ctx, err)
	return err
}

// tell does the same for those who do not wait; done is called when Redis knows.
func (s *Store) tell(budget time.Duration, done func(), cmds ...redis.Cmder) {
	if !s.Breaker.Admits() {
		return
	}
	s.telling.Add(1)
	s.shared.pipe.Later(budget, func(err error) {
		defer s.telling.Done()
		s.Breaker.Report(context.Background(), err) // Nobody cancels it.
		if err == nil {
			done()
		}
	}, cmds...)
}

// Finish records the answer of work that is done. It does not wait for Redis: this process knows at once, and the
// others as soon as Redis does. A claim that was lost, since it took longer than its lease and another one has the
// key, changes nothing there.
func (s *Store) Finish(c Claim, a Answer) {
	answer := a.encode()
	s.local.finish(&c, answer)
	if s.shared == nil {
		return
	}
	// Redis is told even when it did not answer before, for it may have got the claim; or not.
	s.tell(c.terms.Budget, func() {
		if !c.local {
			s.local.forget(c.key, c.token)
		}
	}, s.shared.settle(&c, done, answer))
}

// Abandon gives the key free for a repeat of the request. A claim that was lost changes nothing.
func (s *Store) Abandon(ctx context.Context, c Claim) {
	if s.shared != nil {
		// That the sender left does not undo what was done.
		settle := s.shared.settle(&c, failed) //nolint:contextcheck // Its call ends with it.
		if err := s.do(context.WithoutCancel(ctx), c.terms.Budget, settle); err == nil && !c.local {
			return
		}
	}
	s.local.abandon(&c)
}

// First ties each key to an id, for the window, and returns the ids that they are tied to: the given
// ones for keys that nobody had, else those that were given first. There are as many keys as ids.
func (s *Store) First(ctx context.Context, t Terms, keys []Key, ids []string) []string {
	first := make([]string, len(keys))
	if s.shared != nil {
		cmds := s.shared.first(ctx, t, keys, ids)
		if s.do(ctx, t.Budget, cmds...) == nil {
			for i := range first {
				first[i] = cmds[2*i+1].(*redis.StringCmd).Val()
			}
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
	if s.shared == nil || all {
		return marked
	}
	cmds := s.shared.seen(ctx, keys)
	if s.do(ctx, t.Budget, cmds...) != nil {
		return marked // That is what this process knows.
	}
	for i, cmd := range cmds {
		if at, err := cmd.(*redis.StringCmd).Int64(); err == nil {
			marked[i] = time.UnixMicro(at).UTC()
		}
	}
	return marked
}

// Mark marks the keys for the window with when it happened, in microseconds. Like [Store.Finish] it does not wait
// for Redis.
func (s *Store) Mark(t Terms, keys []Key, at time.Time) {
	for _, key := range keys {
		s.local.mark(key, at, t.Window)
	}
	if s.shared == nil {
		return
	}
	s.tell(t.Budget, func() {
		for _, key := range keys {
			s.local.forget(key, noToken)
		}
	}, s.shared.mark(context.Background(), keys, at, t.Window)...)
}

// Count counts the repeats under a key, for the window after the last one: 1 for the first.
func (s *Store) Count(ctx context.Context, t Terms, key Key) int {
	if s.shared != nil {
		cmds := s.shared.count(ctx, key, t.Window)
		if s.do(ctx, t.Budget, cmds...) == nil {
			return int(cmds[0].(*redis.IntCmd).Val())
		}
	}
	return s.local.count(key, t.Window)
}
