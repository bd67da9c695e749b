package rabbitmq

import (
	"context"
	"slices"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// startWait bounds how long Subscribe waits for the broker.
const startWait = 3 * time.Second

// consumer holds the deliveries of its subscriptions until the caller settles them.
//
// In Dispatch the later events of an order key wait here for the first one, also while
// that one waits for its retry. All of them stay unacknowledged at the broker, so their order
// survives this process; and all of them count for the prefetch of their bot's queue, so a bot that
// is down holds up nobody else. A delivery that the caller holds
// when a connection is lost is handed out only once, see [inflight].
type consumer struct {
	queue      *Queue
	group      queue.Group
	parkingLot string   // Its name; empty for none. The group is Record then.
	done       *seenIDs // Nil in Dead.
	ordered    bool
	sharing    *sharing // Nil but in Dispatch.

	ctx               context.Context // Ends with Close.
	cancel            context.CancelFunc
	subscriptionLoops sync.WaitGroup
	started           chan struct{} // Closed once all subscriptions are attached.
	wake              retry.Wake    // There may be something to receive.
	suspected         retry.Wake    // There may be a suspect.

	mu            sync.Mutex
	prefetch      queue.SubscribeOptions // Bounded; see [consumer.prefetchOfEach].
	places        map[string]*place      // By the name of their queue.
	unstarted     int
	subscriptions map[*subscription]struct{}
	queued        []*item // Ready, but for suspects.
	suspects      []*item // Ready, to be handed out alone; see poison.go.
	inflight      inflight
}

func newConsumer(q *Queue, group queue.Group, opts queue.SubscribeOptions, queues []declaration) *consumer {
	name, parked := group.ParkingLot()
	if parked {
		group = queue.Record
	}
	c := &consumer{
		queue:         q,
		group:         group,
		parkingLot:    name,
		prefetch:      opts.Bounded(),
		done:          q.done[group],
		ordered:       group == queue.Dispatch,
		started:       make(chan struct{}),
		wake:          retry.NewWake(),
		unstarted:     len(queues),
		subscriptions: map[*subscription]struct{}{},
		suspected:     retry.NewWake(),
		inflight:      inflight{},
		places:        map[string]*place{},
	}
	for _, d := range queues {
		c.places[d.name] = newPlace(d)
	}
	if c.ordered {
		c.sharing = newSharing(q, c.places)
	}
	c.ctx, c.cancel = context.WithCancel(q.ctx)
	return c
}

func (c *consumer) start() {
	for _, p := range c.places {
		c.subscriptionLoops.Go(func() { c.subscribe(c.ctx, p) })
	}
	c.subscriptionLoops.Go(c.handOutSuspects)
	if c.sharing != nil {
		c.subscriptionLoops.Go(func() { c.sharing.run(c.ctx) })
		c.subscriptionLoops.Go(func() { c.sharing.listen(c.ctx) })
		c.subscriptionLoops.Go(func() { c.sharing.announce(c.ctx) })
	}
}

// awaitStart waits a moment, so that usually the broker knows a subscription that is returned.
func (c *consumer) awaitStart(ctx context.Context) error {
	if _, err := c.queue.consuming.connection(ctx); err != nil {
		return c.queue.usable(ctx)
	}
	retry.Wait(ctx, c.started, startWait)
	return c.queue.usable(ctx)
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
		// Those that can't be acked are redelivered.
		_ = c.finish(repeats)
	}
	return ds
}

// next takes items that are ready. Repeats are those that another consumer of this handle has
// acknowledged since they were delivered here.
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
		c.wake.Signal() // One Receive wakes the next if it leaves something.
	}
	return ds, repeats
}

// push makes an item ready. The lock is held.
func (c *consumer) push(it *item) {
	it.state = ready
	if c.done != nil && it.suspect() {
		c.suspects = append(c.suspects, it)
		c.suspected.Signal()
		return
	}
	c.queued = append(c.queued, it)
	c.wake.Signal()
}

// arrive takes a message that the broker delivered.
func (c *consumer) arrive(ctx context.Context, sub *subscription, m *amqp.Delivery) {
	sub.addTag()
	if isQuestion(m) {
		sub.moves.Go(func() { c.answer(ctx, sub, m) })
		return
	}
	e, err := parseEvent(m)
	if err != nil && c.group != queue.Dead {
		sub.moves.Go(func() { c.reject(ctx, sub, m, err) })
		return
	}
	if sub.strays {
		sub.moves.Go(func() { c.reroute(ctx, sub, m, e) })
		return
	}
	if err != nil {
		e = salvage(m)
	}
	if c.admit(sub, m, e) {
		return
	}
	// A repeat of an event that is held or done. If this ack is lost, it is redelivered.
	_ = sub.settle(m.DeliveryTag)
}

// admit holds an event for the caller, unless it is a repeat.
func (c *consumer) admit(sub *subscription, m *amqp.Delivery, e *event.Event) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := repeatID(e, m)
	if c.done != nil {
		if _, held := sub.ids[id]; held || c.done.has(id) {
			return false
		}
		sub.ids[id] = struct{}{}
	}
	it := c.inflight.match(id, sub, m)
	if it == nil {
		it = c.newItem(sub, m, e)
	}
	sub.items[it.tag] = it
	if c.ordered && !sub.orderKeys.enter(it.key, it) {
		return true
	}
	c.schedule(it)
	return true
}

func (c *consumer) newItem(sub *subscription, m *amqp.Delivery, e *event.Event) *item {
	it := &item{sub: sub, tag: m.DeliveryTag, id: repeatID(e, m), message: m}
	it.delivery = &queue.Delivery{
		Event: e, Attempt: 1, Replays: headerInt(m.Headers, headerReplays), Recalled: sub.recalling(), Token: it,
	}
	if c.group == queue.Dead {
		it.delivery.Dead = deadInfo(m)
	}
	if c.ordered {
		it.key = e.Key()
	}
	return it
}

// schedule makes an item ready as soon as it is due, unless the caller has it or its queue is left to
// another process. The lock is held.
func (c *consumer) schedule(it *item) {
	if it.state != waiting || it.sub.drained != nil {
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

// attach adds a subscription.
func (c *consumer) attach(sub *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sub.since = time.Now()
	c.subscriptions[sub] = struct{}{}
	if c.unstarted--; c.unstarted == 0 {
		close(c.started)
	}
}

// detach drops the items of a subscription that has ended, but for those in flight, and recalls these.
func (c *consumer) detach(sub *subscription) {
	sub.lost()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subscriptions, sub)
	c.inflight.expire(time.Now().Add(-c.queue.config.RepeatWindow))
	for _, it := range sub.items {
		// In the dead letters the same id may be there twice.
		if c.ctx.Err() != nil || c.done == nil || !c.inflight.keep(it) {
			it.drop()
		}
	}
	c.forget(func(it *item) bool { return it.state != ready })
}

// forget takes items out of what is handed out next. The lock is held.
func (c *consumer) forget(lost func(*item) bool) {
	c.queued, c.suspects = slices.DeleteFunc(c.queued, lost), slices.DeleteFunc(c.suspects, lost)
}

// Close implements [queue.Consumer].
func (c *consumer) Close() error {
	c.mu.Lock() // From here on Adjust starts nothing.
	c.cancel()
	c.mu.Unlock()
	c.subscriptionLoops.Wait()
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	delete(c.queue.consumers, c)
	return nil
}
