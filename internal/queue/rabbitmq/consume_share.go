package rabbitmq

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/botgate/botgate/internal/queue/rabbitmq/share"
	"github.com/botgate/botgate/internal/retry"
)

// sharing has the processes that consume Dispatch share its queues: each is consumed by an owner, and
// by a backup that waits for the owner's end, as package share works it out. The members tell each
// other that they are there, see consume_members.go; a member that hears of nobody consumes all
// queues. That only one process works on a queue is not decided here, but by the single active
// consumer.
type sharing struct {
	queue  *Queue
	id     string
	places map[string]*place // By the queue's name without the prefix.

	decide    retry.Wake // Something changed.
	news      retry.Wake // The others should hear of this member at once.
	listening atomic.Bool
	refused   atomic.Bool

	mu      sync.Mutex
	view    *share.View
	members int
	owned   int // Of the queues that are spread evenly.
}

func newSharing(q *Queue, places map[string]*place) *sharing {
	s := &sharing{
		queue: q, id: uuid.NewString(), members: 1,
		decide: retry.NewWake(), news: retry.NewWake(),
	}
	config := q.config.Sharing
	s.view = share.NewView(share.Config{
		Timeout: config.MemberTimeout, Settle: config.SettleTime, Rest: config.MoveInterval,
	}, s.id, s.take(places), time.Now())
	s.plan(time.Now())
	return s
}

// take makes places those that are shared, and returns their names. The lock is held, or s is new.
func (s *sharing) take(places map[string]*place) (names []string) {
	s.places = map[string]*place{}
	for _, p := range places {
		name := strings.TrimPrefix(p.name, s.queue.topology.prefix+".")
		names = append(names, name)
		s.places[name] = p
		if p.sharing == nil { // Who consumes it already reads this without the lock.
			p.sharing = s
		}
	}
	return names
}

// adjust changes the places that are shared.
func (s *sharing) adjust(places map[string]*place) {
	s.mu.Lock()
	s.view.SetQueues(s.take(places), time.Now())
	s.mu.Unlock()
	s.plan(time.Now())
	s.decide.Signal()
	s.news.Signal()
}

// run gives the queues their places until ctx ends.
func (s *sharing) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := s.plan(time.Now())
		select {
		case <-s.decide:
		case <-time.After(next):
		case <-ctx.Done():
		}
	}
}

// plan does what the view says, and returns for how long that holds at most.
func (s *sharing) plan(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned = 0
	for name, wanted := range s.view.Plan(now) {
		p := s.places[name]
		p.set(wanted)
		if wanted.Role == share.Owner && !p.strays {
			s.owned++
		}
	}
	if n := s.view.Members(); n != s.members {
		s.members = n
		s.queue.config.Logger.Info("the processes that share the queues of bots changed",
			"processes", n, "owned", s.owned, "queues", len(s.places))
	}
	soon := s.queue.config.Sharing.AnnounceInterval
	if next := s.view.Next(); !next.IsZero() {
		soon = min(soon, max(0, next.Sub(now)))
	}
	return soon
}

func (s *sharing) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owned
}

// attached has the others know that a queue is consumed.
func (p *place) attached(role share.Role) {
	p.update(func(view *share.View, name string) { view.Attached(name, role) })
}

// delivered notes that this is the queue's active consumer.
func (p *place) delivered() {
	p.update(func(view *share.View, name string) { view.Delivered(name, time.Now()) })
}

// detached has the others know that a queue is not consumed any more, and why.
func (p *place) detached(cause error, since time.Time) {
	p.update(func(view *share.View, name string) {
		if !view.Detached(name, errors.Is(cause, errRecalled), time.Now()) {
			return
		}
		p.sharing.queue.config.Logger.Info("handed a queue over to another process",
			"queue", p.name, "to", p.to(), "after", time.Since(since))
	})
}

// update changes the view of a queue, and has that considered and announced.
func (p *place) update(change func(view *share.View, name string)) {
	if p.sharing == nil {
		return
	}
	s := p.sharing
	s.mu.Lock()
	change(s.view, strings.TrimPrefix(p.name, s.queue.topology.prefix+"."))
	s.mu.Unlock()
	s.decide.Signal()
	s.news.Signal()
}

// prefetchOfEach is what is prefetched of a bot. Where processes share the bots, there is more room for
// those of this one.
func (c *consumer) prefetchOfEach() int {
	c.mu.Lock()
	most, least, places := c.prefetch.PrefetchMost, c.prefetch.Prefetch, len(c.places)
	c.mu.Unlock()
	if c.sharing == nil {
		return least
	}
	return min(most, least*places/max(1, c.sharing.count()))
}
