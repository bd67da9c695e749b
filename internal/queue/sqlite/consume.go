package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// retryPause is the pause after a lease that failed.
	retryPause = 200 * time.Millisecond
	// longestWait bounds how long a consumer trusts its timer, for the case that the clock is set.
	longestWait = time.Minute
)

// consumer keeps up to prefetch deliveries leased ahead, as far as their bodies do not
// exceed the configured bytes. Receive only takes from them.
type consumer struct {
	q      *Queue
	owner  *owner
	group  queue.Group
	opts   queue.SubscribeOptions
	number int

	buffer chan *queue.Delivery // Holds what is leased and not handed out; never blocks.
	wake   retry.Wake           // Something may have become ready.
	room   retry.Wake           // Something was settled or handed out.
	ctx    context.Context      // Ends when the consumer is closed.
	cancel context.CancelFunc
	ended  chan struct{}

	mu sync.Mutex
	bounds
	held      map[int64]*lease // Leased and not settled, handed out or not.
	heldBytes int64            // The size of all held.
	heldOf    map[int64]int    // How many of held each bot has.
	throttled map[int64]throttle
	suspects  int // How many of held are suspected poison messages, at most 1.
	closed    bool
	closing   sync.Once
	closeErr  error
}

// bounds is how much a consumer has at once.
type bounds struct {
	prefetch int
	each     int // Of prefetch, how much each bot may have; in Dispatch only.
}

// roomToGrow is how many deliveries a consumer of Dispatch can have at once, where bots are added to those that
// it began with.
const roomToGrow = 16 << 10

func boundsOf(group queue.Group, opts queue.SubscribeOptions) bounds {
	each := opts.Bounded().Prefetch
	if group == queue.Dispatch {
		return bounds{each * max(1, len(opts.Bots)), each}
	}
	return bounds{each, each}
}

func newConsumer(q *Queue, owner *owner, group queue.Group, number int, b bounds, opts queue.SubscribeOptions) *consumer {
	ctx, cancel := context.WithCancel(context.Background())
	capacity := b.prefetch
	if group == queue.Dispatch {
		capacity = max(capacity, roomToGrow)
	}
	return &consumer{
		q:      q,
		owner:  owner,
		group:  group,
		opts:   opts,
		number: number,
		bounds: b,
		buffer: make(chan *queue.Delivery, capacity),
		wake:   retry.NewWake(),
		room:   retry.NewWake(),
		ctx:    ctx,
		cancel: cancel,
		ended:  make(chan struct{}),
		held:   map[int64]*lease{},
		heldOf: map[int64]int{},

		throttled: map[int64]throttle{},
	}
}

// Adjust implements [queue.Consumer]. All bots are in one place, so their number alone matters.
func (c *consumer) Adjust(opts queue.SubscribeOptions) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return queue.ErrClosed
	}
	c.bounds = boundsOf(c.group, opts)
	c.prefetch = min(c.prefetch, cap(c.buffer))
	c.room.Signal()
	c.wake.Signal()
	return nil
}

// Receive implements [queue.Consumer].
func (c *consumer) Receive(ctx context.Context, limit int) ([]*queue.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case first := <-c.buffer:
		return c.handOut(first, limit)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ctx.Done():
		return nil, queue.ErrClosed
	}
}

// handOut adds what else is there.
func (c *consumer) handOut(first *queue.Delivery, limit int) ([]*queue.Delivery, error) {
	ds := []*queue.Delivery{first}
collect:
	for len(ds) < limit {
		select {
		case d := <-c.buffer:
			ds = append(ds, d)
		default:
			break collect
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, queue.ErrClosed
	}
	c.room.Signal()
	return ds, nil
}

// run leases until the consumer is closed.
func (c *consumer) run() {
	defer close(c.ended)
	for after := int64(0); c.ctx.Err() == nil; {
		free := c.free()
		free.after = after
		if free.none() {
			retry.Wait(c.ctx, c.room, longestWait)
			continue
		}
		got, err := c.q.lease(c.ctx, c.owner.id, c.number, free)
		if err != nil {
			c.holdUp(fmt.Errorf("leasing: %w", err))
			continue
		}
		after = got.after
		c.accept(got.leases)
		if !got.full {
			c.q.waiting.Add(1)
			retry.Wait(c.ctx, c.wake, untilDue(got.due))
			c.q.waiting.Add(-1)
		}
	}
}

// free is how much to lease. Small remainders are left until they have added up, as long
// as something is there to hand out.
func (c *consumer) free() space {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := space{count: c.prefetch, bytes: c.q.cfg.PrefetchBytes}
	free := space{
		count: all.count - len(c.held), bytes: all.bytes - c.heldBytes, suspect: c.suspects == 0,
		each: c.each, held: maps.Clone(c.heldOf), throttled: maps.Clone(c.throttled),
	}
	if len(c.buffer) > 0 && (free.count < all.count/8 || free.bytes < all.bytes/8) {
		return space{}
	}
	return free
}

// hold notes a lease. The caller has the lock.
func (c *consumer) hold(l *lease) {
	c.forget(l.id) // It was lost and is leased again.
	c.held[l.id] = l
	c.heldBytes += l.size
	c.heldOf[l.bot]++
	if l.suspect() {
		c.suspects++
	}
}

// forget forgets a lease. The caller has the lock.
func (c *consumer) forget(id int64) {
	if l, ok := c.held[id]; ok {
		delete(c.held, id)
		c.heldBytes -= l.size
		c.heldOf[l.bot]--
		_, slow := c.throttled[l.bot]
		if slow || c.each < c.prefetch && c.heldOf[l.bot] == c.each-max(1, c.each/8) {
			c.wake.Signal() // The bot may have been at its limit.
		}
		if l.suspect() {
			c.suspects--
			c.wake.Signal() // The next suspect may be leased.
		}
	}
}

// accept makes the deliveries of leases available to Receive. It tries until it succeeds or
// the consumer is closed, because no other consumer can get them while they are leased.
func (c *consumer) accept(leases []*lease) {
	if len(leases) == 0 {
		return
	}
	c.mu.Lock()
	for _, l := range leases {
		c.hold(l)
	}
	c.mu.Unlock()
	for c.ctx.Err() == nil {
		ds, unreadable, err := c.q.fetch(c.ctx, leases)
		if err == nil {
			err = c.quarantine(unreadable)
		}
		if err != nil {
			c.holdUp(fmt.Errorf("reading: %w", err))
			continue
		}
		for _, d := range ds {
			c.buffer <- d
		}
		return
	}
}

// holdUp logs why the consumer is held up, and pauses it.
func (c *consumer) holdUp(err error) {
	if c.ctx.Err() != nil {
		return
	}
	c.q.log.Warn("a consumer of the queue file is held up", slog.String("group", string(c.group)), slog.Any("error", err))
	retry.Sleep(c.ctx, retryPause)
}

func untilDue(due time.Time) time.Duration {
	if due.IsZero() {
		return longestWait
	}
	return min(max(time.Until(due), 0), longestWait)
}
