package dispatch

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/botgate/botgate/internal/recurring"
	"github.com/botgate/botgate/internal/retry"
)

// slots shares the requests that may run at once between the bots: those that wait go in turn, one
// of each bot. A bot may take no more than are left for the others, so there are always some for
// one more bot, and its first request never waits for other bots: where many hang, the total is
// exceeded by one for each.
type slots struct {
	total int
	alone bool          // There is only one bot.
	slow  time.Duration // What takes longer is logged; 0 for nothing.
	log   *slog.Logger
	// probing wakes run: another probe is to come.
	probing retry.Wake

	mu   sync.Mutex
	used int
	ring []*gate // Those with a line.
}

// gate is where the deliveries of a bot wait for their requests.
type gate struct {
	bot    string
	isOpen prometheus.Gauge
	posts  *semaphore.Weighted // Late answers that are being sent.

	// The rest belongs to the lock of slots.
	breaker breaker
	trouble trouble
	slow    recurring.Count // Answers that took long.
	running int             // Requests that the breaker admitted since it opened.
	line    line
}

// resize has bots share the requests anew.
func (s *slots) resize(targets iter.Seq[*target], alone bool, share int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alone = alone
	for t := range targets {
		t.gate.breaker.resize(share)
	}
	s.grant(time.Now())
}

// acquire waits until a request to the bot may run, of bulk or of another event. It returns false when the context ended
// first.
func (s *slots) acquire(ctx context.Context, g *gate, isBulk bool) (pass, bool) {
	t := &turn{isBulk: isBulk, come: make(chan struct{})}
	s.mu.Lock()
	if g.line.add(t); g.line.len() == 1 {
		s.ring = append(s.ring, g)
	}
	s.grant(time.Now())
	if g.line.len() == 1 && g.breaker.step == 0 {
		s.probing.Signal()
	}
	s.mu.Unlock()
	select {
	case <-t.come:
		return t.pass, true
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.line.remove(t) {
		s.ring = slices.DeleteFunc(s.ring, func(g *gate) bool { return g.line.len() == 0 })
		return pass{}, false
	}
	return t.pass, true // It came meanwhile.
}

// grant lets go who may, one of each bot in turn. The lock is held.
func (s *slots) grant(now time.Time) {
	for refused := 0; refused < len(s.ring); {
		g := s.ring[0]
		s.ring = s.ring[1:]
		if !s.may(g, now) {
			s.ring = append(s.ring, g)
			refused++
			continue
		}
		refused = 0
		first := g.line.next(g.breaker.step)
		if g.line.len() > 0 {
			s.ring = append(s.ring, g)
		}
		first.pass = g.breaker.admit()
		first.pass.isBulk = first.isBulk
		s.used++
		g.running++
		close(first.come)
	}
}

// may reports whether a bot may have another request. The lock is held.
func (s *slots) may(g *gate, now time.Time) bool {
	return g.line.has(g.breaker.step) && g.breaker.admits(g.running, now) && (g.running == 0 || s.alone || g.running < s.total-s.used)
}

// release ends a request, with what it says of the bot. It returns how the breaker stands then.
func (s *slots) release(g *gate, p pass, f finding) breaker {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, before := time.Now(), g.breaker
	s.used--
	if p.epoch == before.epoch {
		g.ended(p)
	}
	b := &g.breaker
	b.observe(p, f.health, f.retryAfter, now)
	if b.epoch != before.epoch {
		g.running, g.line.running = 0, 0
		s.probing.Signal()
	}
	s.tell(g, f, before.since, now)
	s.grant(now)
	return *b
}

// ended counts a request no longer.
func (g *gate) ended(p pass) {
	g.running--
	if p.isBulk {
		g.line.running--
	}
}

// run lets probes go when they are due, until ctx ends.
func (s *slots) run(ctx context.Context) {
	for ctx.Err() == nil {
		retry.Wait(ctx, s.probing, s.probe(time.Now()))
	}
}

// probe lets probes go that are due, and returns when to do so again.
func (s *slots) probe(now time.Time) (in time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grant(now)
	in = time.Hour
	for _, g := range s.ring {
		if b := &g.breaker; b.step == 0 && !b.probing {
			in = min(in, b.probeAt.Sub(now))
		}
	}
	return in
}

// probeNow lets a probe go now if the bot is down.
func (s *slots) probeNow(g *gate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	g.breaker.probeAt = now
	s.grant(now)
}

// leavesAlone reports whether the bot is down and not to be asked now, and since when it is down.
func (s *slots) leavesAlone(g *gate) (since time.Time, alone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &g.breaker
	return b.since, b.step == 0 && !b.admits(0, time.Now())
}
