package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestMain(m *testing.M) { testsvc.Main(m) }

// fakeQueue is a queue in memory for one consumer at a time.
type fakeQueue struct {
	mu           sync.Mutex
	waiting      []*event.Event
	unacked      map[*queue.Delivery]bool
	deadLettered map[string]string // reasons by id
	crashes      map[string]int    // by id
	arrived      chan struct{}
	prefetch     int
	peak         int // The most that was handed out at a time.
	closed       int
	// subscribe, receive and ack fail with the first of their errors, then the next.
	subscribe, receive, ack []error
	// unreadable are the ids of events that have lost their body, and why.
	unreadable map[string]error
	// onAck sees what is acknowledged.
	onAck func([]*queue.Delivery)
}

func newQueue(events ...*event.Event) *fakeQueue {
	return &fakeQueue{
		waiting:      events,
		unacked:      map[*queue.Delivery]bool{},
		deadLettered: map[string]string{},
		arrived:      make(chan struct{}, 1),
	}
}

func (q *fakeQueue) publish(events ...*event.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, events...)
	q.wake()
}

func (q *fakeQueue) wake() {
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

// left counts what is neither acknowledged nor dead-lettered.
func (q *fakeQueue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) + len(q.unacked)
}

func shift(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

func (q *fakeQueue) Subscribe(_ context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if group != queue.Record {
		return nil, fmt.Errorf("group %q", group)
	}
	q.prefetch = opts.Prefetch
	return fakeConsumer{q}, shift(&q.subscribe)
}

type fakeConsumer struct{ *fakeQueue }

func (c fakeConsumer) Receive(ctx context.Context, limit int) ([]*queue.Delivery, error) {
	for {
		if batch, err := c.take(limit); len(batch) > 0 || err != nil {
			return batch, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.arrived:
		}
	}
}

func (c fakeConsumer) take(limit int) ([]*queue.Delivery, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := shift(&c.receive); err != nil {
		return nil, err
	}
	n := min(limit, len(c.waiting), c.prefetch-len(c.unacked))
	c.peak = max(c.peak, len(c.unacked)+n)
	batch := make([]*queue.Delivery, n)
	for i, e := range c.waiting[:n] {
		batch[i] = &queue.Delivery{Event: e, Attempt: 1, Crashes: c.crashes[e.ID], Unreadable: c.unreadable[e.ID]}
		c.unacked[batch[i]] = true
	}
	c.waiting = c.waiting[n:]
	return batch, nil
}

func (c fakeConsumer) Ack(_ context.Context, deliveries ...*queue.Delivery) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := shift(&c.ack)
	if err != nil && !errors.Is(err, queue.ErrLost) {
		return err
	}
	for _, d := range deliveries {
		if !c.unacked[d] {
			panic("settled twice: " + d.Event.ID)
		}
		delete(c.unacked, d)
	}
	c.wake()
	if c.onAck != nil && err == nil {
		c.onAck(deliveries)
	}
	return err
}

func (c fakeConsumer) DeadLetter(_ context.Context, d *queue.Delivery, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.unacked[d] {
		panic("settled twice: " + d.Event.ID)
	}
	delete(c.unacked, d)
	c.deadLettered[d.Event.ID] = reason
	c.wake()
	return nil
}

func (c fakeConsumer) Retry(context.Context, *queue.Delivery, time.Duration) error {
	panic("record does not give events back one by one")
}

func (c fakeConsumer) Postpone(context.Context, *queue.Delivery, time.Duration) error {
	panic("record does not give events back one by one")
}

func (c fakeConsumer) Park(context.Context, string, ...*queue.Delivery) error {
	panic("record parks nothing without shards")
}

func (c fakeConsumer) Redrive(context.Context, ...*queue.Delivery) error {
	panic("record redrives nothing")
}

func (c fakeConsumer) Answer(context.Context, *queue.Delivery, *event.Answer) bool {
	panic("record answers nobody")
}

func (c fakeConsumer) Adjust(queue.SubscribeOptions) error { panic("record knows no bots") }

func (c fakeConsumer) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
	for d := range c.unacked {
		c.waiting = append(c.waiting, d.Event)
	}
	clear(c.unacked)
	return nil
}

// fakeStore keeps ids. Each Append first asks fail, which may also block.
type fakeStore struct {
	mu      sync.Mutex
	ids     map[string]bool
	batches []int
	fail    func(ctx context.Context, events []*event.Event) error
}

func newStore(fail func(context.Context, []*event.Event) error) *fakeStore {
	return &fakeStore{ids: map[string]bool{}, fail: fail}
}

// newDownStore returns a store that is unavailable until down is false.
func newDownStore() (s *fakeStore, down *atomic.Bool) {
	down = &atomic.Bool{}
	down.Store(true)
	return newStore(func(context.Context, []*event.Event) error {
		if down.Load() {
			return store.ErrUnavailable
		}
		return nil
	}), down
}

func (s *fakeStore) Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error) {
	events := make([]*event.Event, len(entries))
	for i, e := range entries {
		events[i] = e.Event
	}
	if s.fail != nil {
		if err := s.fail(ctx, events); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, len(events))
	var fresh []store.Entry
	for _, e := range entries {
		if !s.ids[e.ID] {
			s.ids[e.ID] = true
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

func (s *fakeStore) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

// running is a recorder at work.
type running struct {
	*Recorder
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, cfg Config) *running {
	t.Helper()
	r, err := New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	running := &running{Recorder: r, cancel: cancel, done: make(chan error, 1)}
	go func() { running.done <- r.Run(ctx) }()
	return running
}

// stop ends the recorder and returns what Run did.
func (r *running) stop() error {
	r.cancel()
	return <-r.done
}

var discard = slog.New(slog.DiscardHandler)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// advance lets the time of a bubble pass, and everything happen that is due.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
