package rabbitmq

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	defaultPrefetch = 256
	// startWait bounds how long Subscribe waits for the broker.
	startWait = 3 * time.Second
)

// consumer holds what its feeds bring until the caller settles it.
//
// In Dispatch the later events of an order key wait here for the first one, also while
// that one waits for its retry. All of them stay unsettled at the broker, so their order
// outlasts this process; and all of them count for the prefetch, so a bot that is down
// can fill its partitions' share and hold up the others there. What the caller still works
// on when a connection is lost comes to it only once, see [strays].
type consumer struct {
	queue    *Queue
	group    queue.Group
	lane     string  // Of what is parked; empty for none. The group is Record then.
	prefetch int     // Of each queue.
	done     *recent // Nil in Dead.
	ordered  bool

	ctx     context.Context // Ends with Close.
	cancel  context.CancelFunc
	feeders sync.WaitGroup
	started chan struct{} // Closed once all feeds have been attached.
	wake    chan struct{} // Has an element when there may be something to receive.

	mu        sync.Mutex
	unstarted int
	feeds     map[*feed]struct{}
	queued    []*item // Ready, but for suspects.
	suspects  suspects
	strays    strays
}

func newConsumer(q *Queue, group queue.Group, opts queue.SubscribeOptions, queues int) *consumer {
	prefetch := opts.Prefetch
	if prefetch <= 0 {
		prefetch = defaultPrefetch
	}
	lane, parked := group.ParkingLot()
	if parked {
		group = queue.Record
	}
	c := &consumer{
		queue:     q,
		group:     group,
		lane:      lane,
		prefetch:  max(1, prefetch/queues),
		done:      q.done[group],
		ordered:   group == queue.Dispatch,
		started:   make(chan struct{}),
		wake:      make(chan struct{}, 1),
		unstarted: queues,
		feeds:     map[*feed]struct{}{},
		suspects:  suspects{wake: make(chan struct{}, 1)},
		strays:    strays{},
	}
	c.ctx, c.cancel = context.WithCancel(q.ctx)
	return c
}

func (c *consumer) start(names []string) {
	for _, name := range names {
		c.feeders.Go(func() { c.feedFrom(c.ctx, name) })
	}
	c.feeders.Go(c.probe)
}

// awaitStart gives the broker a moment, so that usually a subscription that is returned
// is one that the broker knows.
func (c *consumer) awaitStart(ctx context.Context) error {
	if _, err := c.queue.consuming.session(ctx); err != nil {
		return c.queue.usable(ctx)
	}
	limit := time.NewTimer(startWait)
	defer limit.Stop()
	select {
	case <-c.started:
	case <-limit.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return queue.ErrClosed
	}
	return nil
}

// Receive implements [queue.Consumer].
func (c *consumer) Receive(ctx context.Context, limit int) ([]*queue.Delivery, error) {
	for {
		if c.ctx.Err() != nil {
			return nil, queue.ErrClosed
		}
		if ds := c.take(max(1, limit)); len(ds) > 0 {
			return ds, nil
		}
		select {
		case <-c.wake:
		case <-c.ctx.Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take hands out what is ready.
func (c *consumer) take(limit int) []*queue.Delivery {
	ds, repeats := c.next(limit)
	if len(repeats) > 0 {
		// Where the broker can't be told, it sends them again.
		_ = c.release(repeats)
	}
	return ds
}

// next parts what is ready from what another consumer of this handle has acknowledged
// since it came here.
func (c *consumer) next(limit int) (ds []*queue.Delivery, repeats []*item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := 0
	for _, it := range c.queued {
		if len(ds) == limit {
			break
		}
		taken++
		if c.done != nil && c.done.has(it.id) {
			it.state = settling
			repeats = append(repeats, it)
			continue
		}
		it.state = out
		ds = append(ds, it.delivery)
	}
	clear(c.queued[:taken])
	c.queued = c.queued[taken:]
	if len(c.queued) > 0 {
		c.signal()
	}
	return ds, repeats
}

// signal wakes one Receive, which wakes the next if it leaves something.
func (c *consumer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// push makes an item ready. The lock is held.
func (c *consumer) push(it *item) {
	it.state = ready
	if c.done != nil && it.suspect() {
		c.queueSuspect(it)
		return
	}
	c.queued = append(c.queued, it)
	c.signal()
}

// arrive takes in what the broker sent.
func (c *consumer) arrive(ctx context.Context, f *feed, m *amqp.Delivery) {
	f.arrived()
	e, err := parseEvent(m)
	if err != nil && c.group != queue.Dead {
		f.discards.Go(func() { c.discard(ctx, f, m, err) })
		return
	}
	if err != nil {
		e = salvage(m)
	}
	if c.admit(f, m, e) {
		return
	}
	// The repeat of something that is here or done. It is lost if the channel is, and
	// then comes again.
	_ = f.settle(m.DeliveryTag)
}

// admit holds an event for the caller, unless it is a repeat.
func (c *consumer) admit(f *feed, m *amqp.Delivery, e *event.Event) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := repeatID(e, m)
	if c.done != nil {
		if _, held := f.ids[id]; held || c.done.has(id) {
			return false
		}
		f.ids[id] = struct{}{}
	}
	it := c.strays.adopt(id, f, m)
	if it == nil {
		it = c.newItem(f, m, e)
	}
	f.items[it.tag] = it
	if c.ordered && !f.lanes.enter(it.key, it) {
		return true
	}
	c.schedule(it)
	return true
}

// repeatID is what repeats of an event are known by. One that was replayed is no repeat of
// what it was before.
func repeatID(e *event.Event, m *amqp.Delivery) string {
	if n := headerInt(m.Headers, headerReplays); n > 0 {
		return e.ID + "#" + strconv.Itoa(n)
	}
	return e.ID
}

func (c *consumer) newItem(f *feed, m *amqp.Delivery, e *event.Event) *item {
	it := &item{feed: f, tag: m.DeliveryTag, id: repeatID(e, m), message: m}
	it.delivery = &queue.Delivery{Event: e, Attempt: 1, Replays: headerInt(m.Headers, headerReplays), Token: it}
	if c.group == queue.Dead {
		it.delivery.Dead = deathOf(m)
	}
	if c.ordered {
		it.key = orderKey(e)
	}
	return it
}

// schedule makes an item ready as soon as it is due, unless the caller has it. The lock
// is held.
func (c *consumer) schedule(it *item) {
	if it.state != waiting {
		return
	}
	delay := time.Until(it.due)
	if delay <= 0 {
		c.push(it)
		return
	}
	it.state = sleeping
	it.timer = time.AfterFunc(delay, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if it.state == sleeping {
			c.push(it)
		}
	})
}

// attach takes a feed in.
func (c *consumer) attach(f *feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.attached = time.Now()
	c.feeds[f] = struct{}{}
	if c.unstarted--; c.unstarted == 0 {
		close(c.started)
	}
}

// detach gives up what a feed brought, but for the strays.
func (c *consumer) detach(f *feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.feeds, f)
	c.strays.forget(time.Now().Add(-c.queue.config.RepeatWindow))
	for _, it := range f.items {
		// In the dead letters the same id may be there twice.
		if c.ctx.Err() != nil || c.done == nil || !c.strays.keep(it) {
			it.end()
		}
	}
	lost := func(it *item) bool { return it.state != ready }
	c.queued, c.suspects.waiting = slices.DeleteFunc(c.queued, lost), slices.DeleteFunc(c.suspects.waiting, lost)
}

// unsettled counts what the consumer holds.
func (c *consumer) unsettled() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for f := range c.feeds {
		n += len(f.items)
	}
	return n
}

// Close implements [queue.Consumer].
func (c *consumer) Close() error {
	c.cancel()
	c.feeders.Wait()
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	delete(c.queue.consumers, c)
	return nil
}
