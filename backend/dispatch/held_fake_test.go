package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// lineQueue keeps events in the lines of their order keys and waits out delays, as the engines do. A new
// consumer gets what the last one had, with Attempt 1, as RabbitMQ's do.
type lineQueue struct {
	*fakeQueue

	lines map[string][]*event.Event // Guarded by the lock of fakeQueue, as are the others.
	naps  map[string]*nap           // By the key of what waits for its retry.
	opts  queue.SubscribeOptions
	ended context.CancelFunc
}

type nap struct {
	event *event.Event
	wake  func()
}

func newLineQueue(events ...*event.Event) *lineQueue {
	q := &lineQueue{fakeQueue: newFakeQueue(), lines: map[string][]*event.Event{}, naps: map[string]*nap{}}
	for _, e := range events {
		q.lines[e.Key()] = append(q.lines[e.Key()], e)
	}
	return q
}

func (q *lineQueue) Subscribe(_ context.Context, _ queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	life, cancel := context.WithCancel(context.Background())
	q.opts, q.ended = opts, cancel
	q.deliveries = make(chan *queue.Delivery, cap(q.deliveries))
	for _, line := range q.lines {
		q.deliveries <- &queue.Delivery{Event: line[0], Attempt: 1}
	}
	return lineConsumer{q, life}, nil
}

// retryAll has everything go that waits for its retry.
func (q *lineQueue) retryAll(bot string) {
	q.opts.TellRetryNow(bot)
	q.wake(func(*event.Event) bool { return true })
}

func (q *lineQueue) giveUp(bot, id string) {
	q.opts.TellGiveUp(bot, id)
	q.wake(func(e *event.Event) bool { return e.ID == id })
}

func (q *lineQueue) wake(which func(*event.Event) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.naps {
		if which(n.event) {
			n.wake()
		}
	}
}

// of returns what is known of an event, without those attempts that say the same as the one before.
func (q *lineQueue) of(id string) (known []string) {
	for _, c := range q.told() {
		said := string(c.Status) + " " + c.Error
		if c.EventID == id && (len(known) == 0 || known[len(known)-1] != said) {
			known = append(known, said)
		}
	}
	return known
}

// lineConsumer is one subscription.
type lineConsumer struct {
	*lineQueue
	life context.Context
}

func (c lineConsumer) done(d *queue.Delivery) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return queue.ErrLost
	}
	key := d.Event.Key()
	c.lines[key] = c.lines[key][1:]
	if len(c.lines[key]) == 0 {
		delete(c.lines, key)
		return nil
	}
	c.deliveries <- &queue.Delivery{Event: c.lines[key][0], Attempt: 1}
	return nil
}

func (c lineConsumer) Ack(_ context.Context, deliveries ...*queue.Delivery) error {
	return c.done(deliveries[0])
}

func (c lineConsumer) DeadLetter(_ context.Context, d *queue.Delivery, _ string) error {
	return c.done(d)
}

func (c lineConsumer) Retry(_ context.Context, d *queue.Delivery, delay time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var once sync.Once
	again := &queue.Delivery{Event: d.Event, Attempt: d.Attempt + 1, Replays: d.Replays, Outcomes: d.Outcomes}
	deliveries := c.deliveries
	wake := func() { once.Do(func() { deliveries <- again }) }
	c.naps[d.Event.Key()] = &nap{d.Event, wake}
	time.AfterFunc(delay, wake)
	return nil
}

func (c lineConsumer) Postpone(context.Context, *queue.Delivery, time.Duration) error { return nil }

func (c lineConsumer) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended()
	clear(c.naps)
	return nil
}
